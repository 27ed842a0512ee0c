// What kept state belongs to: other weights under the same graph file, or another form of the state, end it.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { bindSignature } from '../../src/model/bind.ts';
import { readVersion } from '../../src/model/version.ts';
import { stateDigest } from '../../src/state/bytes.ts';
import { TokenSealer } from '../../src/state/token.ts';
import { writeAdder } from '../support/models/adder.ts';
import { floatBytes } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';

const KEY = Buffer.alloc(32, 7);
async function digestWith(weight: number): Promise<{ graph: string; state: string }> {
  const folder = path.join(temporaryFolder(), '1');
  writeAdder(folder, weight);
  const { graph, given } = await readVersion(folder);
  assert.ok(given);
  return { graph: graph.sha256, state: stateDigest(bindSignature(given, graph), graph) };
}

test('weights swapped beside the same graph file end its tokens; the same weights elsewhere do not', async () => {
  const [first, again, other] = [await digestWith(2), await digestWith(2), await digestWith(3)];
  assert.equal(other.graph, first.graph);
  assert.equal(again.state, first.state);
  assert.notEqual(other.state, first.state);
  const sealer = new TokenSealer([KEY], 60);
  const binding = ({ state: digest }: typeof first) => ({ model: 'm', version: '1', digest });
  const token = sealer.seal(Buffer.from(floatBytes(5)), binding(first));
  assert.deepEqual(sealer.open(token, binding(again), 4), Buffer.from(floatBytes(5)));
  assert.throws(() => sealer.open(token, binding(other), 4), {
    code: 'INVALID_STATE',
    message: /belongs to another model, version or graph/,
  });
});
