// Two recurrent graphs that are not ours, from the silero-vad package: served through a manifest, their probabilities by
// stream, token and protocol sequence are the package's own, chunk by chunk; and without one the server says what it lacks.
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { json } from '../support/client/continuing.ts';
import { inject } from '../support/client/exchange.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { ROOT, startApp, type TestApp } from '../support/server/service.ts';
import { orReason, packageFolder, printed, pythonWith } from './packages.ts';

const GRAPHS = ['silero_vad', 'silero_vad_16k_op15'];
/** Samples of a chunk, and of the one before that stand in front of it. */
const [CHUNK, CONTEXT] = [512, 64];
const TOLERANCE = 1e-5;

const MANIFEST = {
  formatVersion: 1,
  graph: { file: 'model.onnx' },
  inputs: [
    { name: 'samples', tensor: 'input', kind: 'tensor', time: { minimum: CONTEXT + CHUNK, maximum: CONTEXT + CHUNK } },
    { name: 'rate', tensor: 'sr', kind: 'side', default: 16000 },
  ],
  heads: [{ name: 'speech', tensor: 'output', kind: 'tensor' }],
  state: [{ input: 'state', output: 'stateN' }],
};

/** Three seconds with something like a voice in the middle: pulses through two resonances, in noise. */
function syntheticSignal(): Float32Array {
  const signal = new Float32Array(3 * 16000);
  let seed = 7;
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < signal.length; i++) {
    seed = (seed * 48271) % 2147483647;
    const noise = (seed / 2147483647 - 0.5) * 0.01;
    const voiced = i > 14000 && i < 36000 && i % Math.round(16000 / (110 + 20 * Math.sin(i / 3000))) === 0 ? 1 : 0;
    const first = voiced + noise + 1.9 * Math.cos(0.27) * a - 0.9025 * b;
    [a, b] = [first, a];
    const second = first + 1.88 * Math.cos(0.45) * c - 0.8836 * d;
    [c, d] = [second, c];
    signal[i] = Math.max(-1, Math.min(1, second * 0.05));
  }
  return signal;
}

const folder = temporaryFolder();
const signal = syntheticSignal();
const obtained = await orReason('silero-vad', obtain);
const skip = 'reason' in obtained ? obtained.reason : false;
if (skip) console.log(`third-party graphs are not tested: ${skip}`);

/** The package in a Python environment of its own, and what it says. */
async function obtain(): Promise<{ data: string; said: Record<string, number[]> }> {
  const python = await pythonWith(folder, ['numpy', 'onnxruntime'], ['silero-vad']);
  const home = await packageFolder(python, 'silero_vad');
  const samples = path.join(folder, 'samples.f32');
  writeFileSync(samples, signal);
  const said = JSON.parse(await printed(python, `${ROOT}test/third-party/silero.py`, home, samples, ...GRAPHS));
  return { data: path.join(home, 'data'), said };
}

describe('the graphs of silero-vad', { skip }, () => {
  const { data, said } = obtained as Exclude<typeof obtained, { reason: string }>;
  let app: TestApp;
  const repository = path.join(folder, 'models');

  before(async () => {
    for (const graph of GRAPHS) {
      for (const name of [graph, `${graph}_bare`]) {
        mkdirSync(path.join(repository, name, '1'), { recursive: true });
        copyFileSync(path.join(data, `${graph}.onnx`), path.join(repository, name, '1/model.onnx'));
      }
      writeFileSync(path.join(repository, graph, '1/manifest.json'), JSON.stringify(MANIFEST));
    }
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_STRICT_REPOSITORY: 'false',
      POLYHEAD_WORKERS: '1',
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
    });
  });
  after(() => app?.close());

  /** Each chunk with the end of the one before, as the package does it. */
  const chunks = Array.from({ length: Math.floor(signal.length / CHUNK) }, (_, i) => {
    const samples = new Float32Array(CONTEXT + CHUNK);
    samples.set(signal.subarray(Math.max(0, i * CHUNK - CONTEXT), (i + 1) * CHUNK), i === 0 ? CONTEXT : 0);
    return [...samples];
  });
  const post = (url: string, body: unknown, status = 200) =>
    json(inject(app.app, url, { method: 'POST', body }), status);

  /** Three ways of going through the chunks, one at a time. */
  const WAYS: Record<string, (model: string) => AsyncGenerator<number>> = {
    async *stream(model) {
      const { stream } = await post(`/v1/models/${model}/streams`, undefined, 201);
      for (const [i, samples] of chunks.entries()) {
        const sequence = i % 2 ? { samples, rate: 16000 } : { samples };
        const { prediction } = await post(`/v1/models/${model}/streams/${stream}/steps`, { sequence });
        yield prediction.heads.speech.values[0];
      }
    },
    async *token(model) {
      let states = [null];
      for (const samples of chunks) {
        const body = { sequences: [{ samples }], states, returnState: true };
        const [{ heads, state }] = (await post(`/v1/models/${model}/predict`, body)).predictions;
        states = [state];
        yield heads.speech.values[0];
      }
    },
    async *sequence(model) {
      for (const [i, samples] of chunks.entries()) {
        const inputs = [
          { name: 'input', datatype: 'FP32', shape: [1, samples.length], data: samples },
          { name: 'sr', datatype: 'INT64', shape: [], data: [16000] },
        ];
        const parameters = { sequence_id: 'call', sequence_start: i === 0, sequence_end: i === chunks.length - 1 };
        const outputs = [{ name: 'output' }];
        yield (await post(`/v2/models/${model}/infer`, { inputs, outputs, parameters })).outputs[0].data[0];
      }
    },
  };

  for (const graph of GRAPHS) {
    for (const [name, way] of Object.entries(WAYS)) {
      it(`${graph} says what the package says, by ${name}`, async () => {
        const expected = said[graph];
        assert.equal(expected.length, chunks.length);
        assert.ok(Math.max(...expected) - Math.min(...expected) > 0.01, 'the signal means nothing to it');
        let worst = 0;
        let i = 0;
        for await (const probability of way(graph)) worst = Math.max(worst, Math.abs(probability - expected[i++]));
        assert.equal(i, chunks.length);
        assert.ok(worst <= TOLERANCE, `differs by ${worst}`);
        console.log(`${graph} by ${name}: ${i} chunks, largest difference ${worst.toExponential(1)}`);
      });
    }

    it(`${graph} without a manifest is served by what was found out, or refused with the reason`, () => {
      const bare = app.service.models.find(`${graph}_bare`, '1');
      const refusal = app.service.models.refused.find(({ model }) => model === `${graph}_bare`);
      console.log(`${graph} without a manifest: ${refusal?.reason ?? JSON.stringify(bare?.manifest.state)}`);
      assert.ok(bare ? bare.manifest.state.length === 1 : refusal && refusal.reason.length > 20);
    });
  }
});
