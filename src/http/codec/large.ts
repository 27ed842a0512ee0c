// Large answers: written in slices of a few milliseconds, so that others are answered in between, and held to a bound of bytes.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ServiceError } from '../../core/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { SignatureHead } from '../../model/signature.ts';
import type { HeadAnswer, TensorAnswer } from '../../sequence/heads.ts';
import type { Prediction, Predictions } from '../../service/predict.ts';
import {
  type Detail,
  encodeInstances,
  encodePrediction,
  encodePredictions,
  openingOf,
  stepWriter,
  writerOf,
} from './predictions.ts';
import { tensorPieces } from './tensor-text.ts';
import { encodeJson } from './tensors.ts';

/** So many numbers are written at once; more, in pieces. */
const AT_ONCE = 16_384;
export const PIECE = 2048;
const SLICE_MS = 5;
/** A number and what parts it from the next one. */
const LEAST_BYTES = 2;

/** The body of a predict reply. @throws {ServiceError} ANSWER_TOO_LARGE. */
export async function encodeWithin(
  result: Predictions,
  detail: Detail | undefined,
  mostBytes: number,
): Promise<string | Buffer> {
  const numbers = numbersIn(result, detail);
  if (numbers > AT_ONCE) return gather(predictionsPieces(result, detail), numbers, mostBytes);
  return bounded(encodePredictions(result, detail), mostBytes);
}

/** The only prediction, between what stands before and after it. @throws {ServiceError} ANSWER_TOO_LARGE. */
export async function encodeOneWithin(
  [before, after]: readonly [string, string],
  result: Predictions,
  detail: Detail | undefined,
  mostBytes: number,
): Promise<string | Buffer> {
  const numbers = numbersIn(result, detail);
  if (numbers <= AT_ONCE) return bounded(before + encodePrediction(result, detail) + after, mostBytes);
  const pieces = predictionPieces(result.heads, result.predictions[0], detail);
  return gather(framed(before, pieces, after), numbers, mostBytes);
}

/** The body of the v1 protocol. @throws {ServiceError} ANSWER_TOO_LARGE. */
export async function encodeInstancesWithin(result: Predictions, mostBytes: number): Promise<string | Buffer> {
  const numbers = numbersIn(result, undefined);
  if (numbers > AT_ONCE) return gather(instancesPieces(result), numbers, mostBytes);
  return bounded(encodeInstances(result), mostBytes);
}

/** A tensor's flat JSON. @throws {ServiceError} ANSWER_TOO_LARGE. */
export async function jsonWithin(tensor: Tensor, mostBytes: number): Promise<string> {
  const { length } = tensor.data;
  if (length > AT_ONCE) return (await gather(flatPieces(tensor), length, mostBytes)).toString();
  return bounded(encodeJson(tensor), mostBytes);
}

function bounded(text: string, mostBytes: number): string {
  if (text.length > mostBytes) throw tooLarge(mostBytes);
  return text;
}

export function tooLarge(mostBytes: number): ServiceError {
  return new ServiceError(
    'ANSWER_TOO_LARGE',
    `the answer is larger than ${mostBytes} bytes; ask for fewer sequences or heads, or shorter ones`,
  );
}

function numbersIn({ heads, predictions }: Predictions, detail: Detail | undefined): number {
  let numbers = 0;
  for (const { answers } of predictions) {
    answers.forEach((answer, h) => {
      numbers += numbersOf(heads[h], answer, detail);
    });
  }
  return numbers;
}

/** Of what there may be many: about as many numbers or labels as are written. */
function numbersOf({ spec }: SignatureHead, answer: HeadAnswer, detail: Detail | undefined): number {
  if (answer === null) return 1;
  if (spec.kind === 'tensor') return (answer as TensorAnswer).values.length;
  const wide = 'labels' in spec && spec.kind !== 'sequence-labels' ? spec.labels.length : 1;
  return Array.isArray(answer) ? answer.length * (detail === 'all' ? wide : 1) : detail === 'none' ? 1 : wide;
}

/**
 * The pieces as one, made while others are served. `numbers` is how many there are at least.
 * @throws {ServiceError} ANSWER_TOO_LARGE.
 */
export async function gather(pieces: Iterable<string | Buffer>, numbers: number, mostBytes: number): Promise<Buffer> {
  if (numbers * LEAST_BYTES > mostBytes) throw tooLarge(mostBytes);
  const chunks: Buffer[] = [];
  let bytes = 0;
  let sinceMs = performance.now();
  for (const piece of pieces) {
    const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
    bytes += chunk.length;
    if (bytes > mostBytes) throw tooLarge(mostBytes);
    chunks.push(chunk);
    if (performance.now() - sinceMs < SLICE_MS) continue;
    await nextTurn();
    sinceMs = performance.now();
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
}

function* predictionsPieces(result: Predictions, detail: Detail | undefined): Generator<string> {
  yield openingOf(result);
  let before = '';
  for (const prediction of result.predictions) {
    yield* framed(before, predictionPieces(result.heads, prediction, detail), '');
    before = ',';
  }
  yield ']}';
}

function* predictionPieces(
  heads: readonly SignatureHead[],
  { length, answers, token }: Prediction,
  detail: Detail | undefined,
): Generator<string> {
  yield `{"length":${length},"heads":`;
  yield* headsPieces(heads, answers, detail);
  yield token === undefined ? '}' : `,"state":"${token}"}`;
}

function* instancesPieces({ heads, predictions }: Predictions): Generator<string> {
  let before = '{"predictions":[';
  for (const { answers } of predictions) {
    yield* framed(before, headsPieces(heads, answers, undefined), '');
    before = ',';
  }
  yield ']}';
}

function* headsPieces(
  heads: readonly SignatureHead[],
  answers: Prediction['answers'],
  detail: Detail | undefined,
): Generator<string> {
  let before = '{';
  for (let h = 0; h < answers.length; h++) {
    yield* framed(before, headPieces(heads[h], answers[h], detail), '');
    before = ',';
  }
  yield answers.length === 0 ? '{}' : '}';
}

function* framed(before: string, pieces: Iterable<string>, after: string): Generator<string> {
  yield before;
  yield* pieces;
  yield after;
}

function* headPieces(head: SignatureHead, answer: HeadAnswer, detail: Detail | undefined): Generator<string> {
  const key = JSON.stringify(head.spec.name);
  if (head.spec.kind === 'tensor') {
    yield `${key}:{"values":`;
    yield* tensorPieces(answer as TensorAnswer, PIECE);
    return yield '}';
  }
  if (!Array.isArray(answer)) return yield writerOf(head)(answer, detail);
  const write = stepWriter(head);
  const wide = 'labels' in head.spec && detail === 'all' ? head.spec.labels.length : 1;
  const pieceSteps = Math.max(1, Math.floor(PIECE / wide));
  yield `${key}:{"steps":[`;
  for (let start = 0; start < answer.length; start += pieceSteps) {
    const texts = answer.slice(start, start + pieceSteps).map(step => write(step, detail ?? 'top'));
    yield (start > 0 ? ',' : '') + texts.join();
  }
  yield ']}';
}

function* flatPieces({ dtype, dims, data }: Tensor): Generator<string> {
  yield '[';
  for (let start = 0; start < data.length; start += PIECE) {
    const slice = data.slice(start, start + PIECE) as Tensor['data'];
    yield (start > 0 ? ',' : '') + encodeJson({ dtype, dims, data: slice }).slice(1, -1);
  }
  yield ']';
}
