// Many heads of one shape, which sessions take as one output: what callers get is what the graph says, by formula.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { floatBytes, onnxFile } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { startApp } from '../support/server/service.ts';

const names = Array.from({ length: 24 }, (_, i) => `head${i}`);
const repository = temporaryFolder();
mkdirSync(path.join(repository, 'many/1'), { recursive: true });
const graph = onnxFile({
  inputs: [{ name: 'x', type: 1, dims: ['n', 't', 2] }],
  initializers: names.map((name, i) => ({ name: `by ${name}`, type: 1, dims: [1], raw: floatBytes(i / 4) })),
  nodes: [
    { op: 'ReduceMax', inputs: ['x'], outputs: ['most'], attributes: { axes: [1], keepdims: 0 } },
    ...names.map(name => ({ op: 'Mul', inputs: ['most', `by ${name}`], outputs: [name] })),
  ],
  outputs: names.map(name => ({ name, type: 1, dims: ['n', 2] })),
});
writeFileSync(path.join(repository, 'many/1/model.onnx'), graph);
const served = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_EXECUTION_PROVIDER: 'cpu' });
after(() => served.close());

const sequences = [1, 2, 3, 4].map(row => [
  [row, -row],
  [row / 2, 8],
]);
const expected = (row: number, head: number) => [((row + 1) * head) / 4, (8 * head) / 4];

test('by REST and by v2, of one sequence and of several, all heads and some', async () => {
  for (const rows of [1, 4, 2]) {
    for (const heads of [undefined, names.slice(3, 20)]) {
      const payload = { sequences: sequences.slice(0, rows), heads };
      const reply = await served.app.inject({ method: 'POST', url: '/v1/models/many/predict', payload });
      assert.equal(reply.statusCode, 200, reply.body);
      reply.json().predictions.forEach((prediction: { heads: Record<string, { values: number[] }> }, row: number) => {
        assert.deepEqual(Object.keys(prediction.heads), heads ?? names);
        for (const name of heads ?? names)
          assert.deepEqual(prediction.heads[name].values, expected(row, names.indexOf(name)));
      });
    }
    const x = { name: 'x', datatype: 'FP32', shape: [rows, 2, 2], data: sequences.slice(0, rows).flat(2) };
    const reply = await served.app.inject({ method: 'POST', url: '/v2/models/many/infer', payload: { inputs: [x] } });
    assert.equal(reply.statusCode, 200, reply.body);
    reply.json().outputs.forEach(({ name, data }: { name: string; data: number[] }, head: number) => {
      assert.equal(name, names[head]);
      assert.deepEqual(
        data,
        sequences.slice(0, rows).flatMap((_, row) => expected(row, head)),
      );
    });
  }
});
