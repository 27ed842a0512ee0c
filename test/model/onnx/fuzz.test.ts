// Damaged and monstrous graph files: each is read or refused in one line, soon, and nothing else happens.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { LoadError } from '../../../src/core/errors.ts';
import { readGraph } from '../../../src/model/onnx/graph.ts';
import { randomNumbers } from '../../../src/proof/samples.ts';
import { type GraphSpec, onnxFile } from '../../support/models/onnx-writer.ts';
import { assertReadable, refusalOf } from '../../support/models/refusal.ts';
import { TemporaryRepository } from '../../support/models/repository.ts';
import { FIXTURES, ROOT } from '../../support/server/service.ts';

const folder = new TemporaryRepository();
after(() => folder.remove());
const FILE = folder.at('model.onnx');

/** Reads a file of these bytes; says whether it was a graph. */
async function read(bytes: Uint8Array): Promise<boolean> {
  writeFileSync(FILE, bytes);
  try {
    await readGraph(FILE);
    return true;
  } catch (error) {
    assert.ok(error instanceof LoadError, (error as Error).stack);
    assertReadable(error.message);
    return false;
  }
}

const GRAPHS = [
  `${FIXTURES}/lstm/1/model.onnx`,
  `${FIXTURES}/tokens/1/model.onnx`,
  `${ROOT}test/fixtures/exporters/jx-scan/1/model.onnx`,
];
const X = { name: 'x', type: 1, dims: ['n', 't', 3] };
const nested = (depth: number): GraphSpec =>
  depth === 0
    ? { nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }] }
    : { nodes: [{ op: 'If', inputs: ['x'], body: nested(depth - 1) }] };

describe('a graph file', () => {
  for (const [i, file] of GRAPHS.entries()) {
    it(`with bits turned over, or cut and joined, is read or refused (${i + 1})`, async () => {
      const whole = readFileSync(file);
      const random = randomNumbers(31 + i);
      const at = (size: number) => Math.floor(random() * size);
      for (let round = 0; round < 150; round++) {
        const bytes = Buffer.from(whole);
        for (let flips = 1 + at(4); flips > 0; flips--) bytes[at(bytes.length)] ^= 1 << at(8);
        await read(round % 3 === 0 ? bytes.subarray(0, at(bytes.length)) : bytes);
        if (round % 5 === 0)
          await read(Buffer.concat([whole.subarray(0, at(whole.length)), whole.subarray(at(whole.length))]));
      }
    });
  }

  it('whose bodies lie deep in each other is read up to a bound', async () => {
    assert.equal(await read(onnxFile({ ...nested(20), inputs: [X] })), true);
    for (const depth of [100, 400])
      assert.equal(await read(onnxFile({ ...nested(depth), inputs: [X] })), false, `${depth}`);
  });

  it('nested far deeper than any decoder goes is refused', async () => {
    // Each field 7, 1, 5, 6 holds the next: a model of a graph of a node of an attribute of a graph …
    const lengths = (depth: number) => {
      let bytes = Buffer.alloc(0);
      for (let level = 0; level < depth; level++) {
        const varint: number[] = [];
        for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
          varint.push(rest < 128 ? rest : (rest % 128) + 128);
          if (rest < 128) break;
        }
        bytes = Buffer.concat([Buffer.from([[0x32, 0x2a, 0x0a][level % 3], ...varint]), bytes]);
      }
      return Buffer.concat([Buffer.from([0x3a, (bytes.length % 128) | 0x80, bytes.length >> 7]), bytes]);
    };
    assert.equal(await read(lengths(3000)), false);
  });

  it('of many initializers is read in a time that grows with their number', async () => {
    const cost = async (count: number) => {
      const initializers = Array.from({ length: count }, (_, i) => ({
        name: `w${i}`,
        type: 1,
        dims: [1],
        floats: [i],
      }));
      const bytes = onnxFile({ nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }], initializers, inputs: [X] });
      writeFileSync(FILE, bytes);
      const start = process.cpuUsage();
      assert.equal((await readGraph(FILE)).parameters, count);
      const { user, system } = process.cpuUsage(start);
      return (user + system) / count;
    };
    await cost(2000); // compiled
    const least = async (count: number) => Math.min(await cost(count), await cost(count), await cost(count));
    const [few, many] = [await least(10_000), await least(200_000)];
    assert.ok(many < 8 * few, `${few.toFixed(1)} and ${many.toFixed(1)} µs each`); // quadratic would be 20 times as much
  });

  it('whose functions call themselves, or multiply, is refused', async () => {
    const call = (name: string) => ({ op: name, domain: 'f' });
    const graph = { nodes: [call('f0')], inputs: [X] };
    const itself = onnxFile(graph, [{ name: 'f0', domain: 'f', nodes: [call('f0')] }]);
    writeFileSync(FILE, itself);
    assert.match(await refusalOf(readGraph(FILE)), /function "f0" calls itself$/);
    const levels = Array.from({ length: 40 }, (_, i) => ({
      name: `f${i}`,
      domain: 'f',
      nodes: i === 39 ? [{ op: 'Relu' }] : [call(`f${i + 1}`), call(`f${i + 1}`)],
    }));
    writeFileSync(FILE, onnxFile(graph, levels));
    assert.match(await refusalOf(readGraph(FILE)), /more than 2000000 nodes/);
  });
});
