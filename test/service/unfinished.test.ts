// A graph too large to try in full before it serves: it serves by the narrowest rule proved so far, and by more when the rest
// has been tried meanwhile.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { pino } from 'pino';
import { describeModel } from '../../src/http/rest/describe.ts';
import { Metrics } from '../../src/service/metrics.ts';
import { Registry } from '../../src/service/registry.ts';
import { parseMetrics } from '../support/client/prometheus.ts';
import { onnxFile } from '../support/models/onnx-writer.ts';
import { repositoryOf } from '../support/models/registries.ts';
import { until } from '../support/runner/until.ts';
import { configOf } from '../support/server/service.ts';

const WAIT_MS = 600_000;
const index = (name: string, value: bigint) => ({
  name,
  type: 7,
  dims: [1],
  raw: new Uint8Array(BigInt64Array.of(value).buffer),
});
/** y = the sum of x over time and a value of a table of 24 MB. */
const LARGE = onnxFile({
  nodes: [
    { op: 'ReduceSum', inputs: ['x', 'axis'], outputs: ['s'], attributes: { keepdims: 0 } },
    { op: 'Gather', inputs: ['table', 'first'], outputs: ['t'] },
    { op: 'Add', inputs: ['s', 't'], outputs: ['y'] },
  ],
  initializers: [
    index('axis', 1n),
    index('first', 0n),
    { name: 'table', type: 1, dims: [6e6], raw: new Uint8Array(24e6) },
  ],
  inputs: [{ name: 'x', type: 1, dims: ['n', 't', 2] }],
  outputs: [{ name: 'y', type: 1, dims: ['n', 2] }],
});

interface Line {
  readonly msg: string;
  readonly mixing?: string;
}

async function load(root: string) {
  const lines: Line[] = [];
  const log = pino({}, { write: line => lines.push(JSON.parse(line)) });
  const metrics = new Metrics('0');
  const options = { ...configOf(), workers: 1, executionProvider: 'cpu', certificateCache: true } as const;
  const registry = new Registry(root, options, metrics, log);
  await registry.loadAll();
  const complete = async () => {
    const { samples } = parseMetrics(await metrics.text());
    const names = [...samples.keys()].filter(name => name.startsWith('polyhead_certificate_info'));
    assert.equal(names.length, 1);
    return /complete="(\w+)"/.exec(names[0])?.[1];
  };
  return { registry, lines, complete, model: registry.get('m') };
}

test('it serves at once by the narrowest rule, and by what the rest proves without being loaded anew', async t => {
  const repository = repositoryOf({});
  mkdirSync(repository.at('m/1'), { recursive: true });
  writeFileSync(repository.at('m/1/model.onnx'), LARGE);
  const { registry, lines, complete, model } = await load(repository.root);
  t.after(() => registry.close());
  assert.deepEqual([model.certificate.complete, model.mixing, await complete()], [false, 'equal', 'false']);
  assert.equal(model.certificate.counterExample, 'not everything was tried yet');
  assert.equal(describeModel(model, [], 1).certificate.complete, false);
  const rows = model.batcher.submit([1, 2, 3].map(steps => model.parse(Array(steps).fill([1, steps]), []))).rows;

  await until('the rest is tried', () => lines.some(({ msg }) => msg === 'everything was tried of m/1'), WAIT_MS);
  assert.deepEqual([model.certificate.complete, model.mixing, await complete()], [true, 'classes', 'true']);
  assert.equal(model.certificate.counterExample, null);
  assert.equal(describeModel(model, [], 1).mixing, 'classes');
  assert.equal(lines.find(({ msg }) => msg === 'loaded m/1')?.mixing, 'equal');
  assert.ok(lines.some(({ msg }) => msg.startsWith('not everything was tried yet')));
  const told = (await rows).map(row =>
    [...(row.outputs.y.data as Float32Array)].slice(2 * row.index, 2 * row.index + 2),
  );
  assert.deepEqual(told, [
    [1, 1],
    [2, 4],
    [3, 9],
  ]);

  // What was proved in part is never kept; the whole is, and the next start begins with it.
  await until(
    'it is kept',
    () => readdirSync(repository.at('.certificates')).some(name => name.endsWith('.json')),
    WAIT_MS,
  );
  const again = await load(repository.root);
  t.after(() => again.registry.close());
  assert.deepEqual([again.model.certificate.complete, again.model.mixing], [true, 'classes']);
});
