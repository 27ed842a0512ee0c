// The exporters' fixtures as requests of the Open Inference Protocol: golden feeds with the datatypes that the metadata
// tell, the answers that the training framework gave, and rows put together into one request.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fromFloat16, toFloat16 } from '../../../src/core/float16.ts';
import { ROOT } from '../server/service.ts';
import type { Answered, GivenTensor, Value } from './v2.ts';

/** Graphs of every datatype, with states, masks and names that need care; the rest of the catalogue goes the same way. */
export const EVERY_KIND = [
  'oh-double',
  'oh-half',
  'os-labels',
  'os-tokens',
  'tl-embedding',
  'tl-lstm',
  'tl-mask-bool',
  'tl-names',
  'tl-perstep',
  'tl-state',
];

export const EXPORTERS = `${ROOT}test/fixtures/exporters`;

interface Entry {
  readonly name: string;
  readonly truth: {
    readonly axes: Readonly<Record<string, { readonly batch: number | null; readonly time: number | null }>>;
    readonly roles: Readonly<Record<string, string>>;
  };
}

interface Golden {
  readonly tolerance: number;
  readonly cases: readonly {
    readonly feeds: Readonly<Record<string, { readonly dims: readonly number[]; readonly data: readonly Value[] }>>;
    readonly outputs: Readonly<Record<string, readonly Value[]>>;
  }[];
}

export interface Metadata {
  readonly inputs: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }[];
  readonly outputs: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }[];
}

const read = (file: string) => JSON.parse(readFileSync(`${EXPORTERS}/${file}`, 'utf8'));

export const catalogue: readonly Entry[] = read('catalogue.json');
export const goldenOf = (name: string): Golden => read(`${name}/1/golden.json`);

/** A golden case's feeds as tensors; float16 by its bits. `factor` scales the numbers of float inputs that hold data. */
export function tensorsOf(
  { truth }: Entry,
  metadata: Metadata,
  { feeds }: Golden['cases'][number],
  factor = 1,
): GivenTensor[] {
  return metadata.inputs.map(({ name, datatype }) => {
    const { dims, data } = feeds[name];
    const scale = factor !== 1 && datatype.startsWith('FP') && truth.roles[name] !== 'mask';
    const values = scale ? data.map(value => (value as number) * factor) : data;
    return {
      name,
      datatype,
      shape: dims,
      data: datatype === 'FP16' ? values.map(v => toFloat16(v as number)) : values,
    };
  });
}

/** Requests of one row each and of equal shapes as one request of several rows. */
export function stacked({ truth }: Entry, requests: readonly (readonly GivenTensor[])[]): GivenTensor[] {
  return requests[0].map((first, i) => {
    const { batch } = truth.axes[first.name];
    if (batch === null) return first;
    const inner = first.shape.slice(batch + 1).reduce((product, size) => product * size, 1);
    const outer = first.shape.slice(0, batch).reduce((product, size) => product * size, 1);
    const data = Array.from({ length: outer }, (_, o) =>
      requests.flatMap(request => request[i].data.slice(o * inner, (o + 1) * inner)),
    ).flat();
    return { ...first, shape: first.shape.with(batch, requests.length), data };
  });
}

/** @throws {AssertionError} unless the outputs are all of the golden ones, each within the tolerance. */
export function assertGoldenOutputs(
  where: string,
  { tolerance }: Golden,
  expected: Golden['cases'][number]['outputs'],
  outputs: readonly Answered[],
): void {
  assert.deepEqual(outputs.map(({ name }) => name).sort(), Object.keys(expected).sort(), where);
  for (const { name, datatype, data } of outputs) {
    assert.equal(data.length, expected[name].length, `${where} ${name}`);
    data.forEach((value, i) => {
      const wanted = expected[name][i];
      if (typeof wanted !== 'number') {
        assert.equal(value, wanted, `${where} ${name}[${i}]`);
        return;
      }
      const number = datatype === 'FP16' ? fromFloat16(value as number) : Number(value);
      const difference = Math.abs(number - wanted) / Math.max(1, Math.abs(wanted));
      assert.ok(difference <= tolerance, `${where} ${name}[${i}] is ${number}, expected ${wanted}`);
    });
  }
}
