// Bodies of the Open Inference Protocol to tensors and back, with its binary tensor extension.
import { isUtf8 } from 'node:buffer';
import { ServiceError } from '../../core/errors.ts';
import { ARRAYS, elementCount, type Tensors } from '../../core/tensor.ts';
import { quote } from '../../sequence/faults.ts';
import { type Inference, type InferRequest, servedOutputs } from '../../service/infer.ts';
import type { LoadedModel } from '../../service/loaded-model.ts';
import { DATATYPES, DTYPES, decodeBytes, decodeJson, encodeBytes, encodeJson } from '../codec/tensors.ts';
import { type InferBody, inferBody } from './schemas.ts';

/** What a request asks, and how it wants its answer. */
export interface Asked {
  readonly request: Omit<InferRequest, 'timeoutMs'>;
  readonly id?: string;
  readonly timeoutMs?: number;
  readonly sequence?: SequenceStep;
  /** Whether an output is answered as bytes. */
  readonly binary: (output: string) => boolean;
}

/** The sequence that a request belongs to. */
export interface SequenceStep {
  /** Of a whole number and a string with the same digits, the ids differ. */
  readonly id: string;
  readonly start: boolean;
  readonly end: boolean;
}

/**
 * Reads a request body; `headerLength` is the header Inference-Header-Content-Length.
 * @throws {ServiceError} INVALID_REQUEST or INVALID_SEQUENCE. Nothing is allocated from a declared shape.
 */
export function parseInfer(model: LoadedModel, body: Buffer, headerLength: string | undefined): Asked {
  const split = headerLength === undefined ? body.length : headerSize(headerLength, body.length);
  if (split === 0 && body.length > 0) return rawRequest(model, body);
  const envelope = parseEnvelope(body.subarray(0, split));
  const { parameters, outputs } = envelope;
  const named = outputs?.map(output => output.name);
  const wantsBytes = new Map(outputs?.map(o => [o.name, flagParameter(o.parameters, 'binary_data')]));
  const allBytes = flagParameter(parameters, 'binary_data_output') ?? false;
  const binary = (output: string) => wantsBytes.get(output) ?? allBytes;
  const known = new Map(servedOutputs(model).map(output => [output.name, output]));
  for (const name of named && named.length > 0 ? named : known.keys()) {
    if (known.get(name)?.dtype !== 'float16' || binary(name)) continue;
    throw new ServiceError(
      'INVALID_REQUEST',
      `output ${quote(name)} is FP16 and has no JSON form, use the binary data format`,
    );
  }
  const timeout = wholeParameter(parameters, 'timeout');
  return {
    request: {
      tensors: readTensors(envelope, body.subarray(split)),
      outputs: named,
      priority: wholeParameter(parameters, 'priority'),
    },
    id: envelope.id || undefined,
    sequence: sequenceStep(parameters),
    timeoutMs: timeout ? Math.max(1, Math.ceil(timeout / 1000)) : undefined,
    binary,
  };
}

/** `0` and `""` mean no sequence. */
function sequenceStep(parameters: Parameters): SequenceStep | undefined {
  const value = given(parameters, 'sequence_id');
  const start = flagParameter(parameters, 'sequence_start') ?? false;
  const end = flagParameter(parameters, 'sequence_end') ?? false;
  if (value === undefined || value === 0 || value === '') return undefined;
  if (typeof value === 'string' && value.length <= 256) return { id: `s:${value}`, start, end };
  if (Number.isSafeInteger(value) && (value as number) > 0) return { id: `n:${value}`, start, end };
  throw new ServiceError(
    'INVALID_REQUEST',
    'parameter sequence_id must be a whole number below 2^53 or a string of up to 256 characters',
  );
}

function headerSize(text: string, most: number): number {
  if (!/^[0-9]{1,15}$/.test(text) || Number(text) > most) {
    throw new ServiceError(
      'INVALID_REQUEST',
      `Inference-Header-Content-Length must be a whole number from 0 to ${most}`,
    );
  }
  return Number(text);
}

function parseEnvelope(bytes: Buffer): InferBody {
  const parsed = inferBody.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new ServiceError('INVALID_REQUEST', `${path.join('.').slice(0, 200) || 'the body'}: ${message.slice(0, 300)}`);
}

/** @throws {ServiceError} INVALID_REQUEST */
export function parseJson(bytes: Buffer): unknown {
  try {
    if (isUtf8(bytes)) return JSON.parse(bytes.toString());
  } catch {}
  throw new ServiceError('INVALID_REQUEST', 'the body is not valid JSON');
}

function readTensors({ inputs }: InferBody, bytes: Buffer): Tensors {
  const tensors: Tensors = {};
  let offset = 0;
  inputs.forEach(({ name, shape, datatype, parameters, data }, i) => {
    const where = `inputs[${i}]`;
    if (name === '__proto__' || Object.hasOwn(tensors, name)) {
      throw new ServiceError('INVALID_REQUEST', `${where} is named ${quote(name)}, as no input or another one is`);
    }
    const dtype = DTYPES.get(datatype);
    if (!dtype)
      throw new ServiceError('INVALID_REQUEST', `${where} has datatype ${quote(datatype)}, which is not served`);
    const bytesGiven = wholeParameter(parameters, 'binary_data_size');
    const count = elementCount(shape);
    const absent = data === undefined || data === null;
    if (!absent && bytesGiven !== undefined) {
      throw new ServiceError('INVALID_REQUEST', `${where} must set only one of data and binary_data_size`);
    }
    if (bytesGiven === undefined) {
      tensors[name] = { dtype, dims: shape, data: decodeJson(['inputs', i, 'data'], dtype, shape, data) };
      return;
    }
    const missing = offset + bytesGiven - bytes.length;
    if (missing > 0) throw new ServiceError('INVALID_REQUEST', `${where}: expecting ${missing} additional bytes`);
    const part = bytes.subarray(offset, offset + bytesGiven);
    tensors[name] = { dtype, dims: shape, data: decodeBytes(where, dtype, count, part) };
    offset += bytesGiven;
  });
  if (offset !== bytes.length) {
    throw new ServiceError('INVALID_REQUEST', `${bytes.length - offset} bytes follow the last binary tensor`);
  }
  return tensors;
}

/** The whole body is the only input: one row, at most one open size, which the bytes tell. */
function rawRequest(model: LoadedModel, body: Buffer): Asked {
  const [feed, ...others] = model.signature.feeds;
  const open = feed.tensor.dims.flatMap((dim, axis) =>
    typeof dim === 'number' || axis === feed.axes.batch ? [] : [axis],
  );
  const refuse = () => {
    throw new ServiceError('INVALID_REQUEST', 'a raw request needs a model of one input with at most one open size');
  };
  if (others.length > 0 || open.length > 1) refuse();
  const dims = feed.tensor.dims.map(dim => (typeof dim === 'number' ? dim : 1));
  const { dtype } = feed.tensor;
  let bytes: Uint8Array = body;
  if (dtype === 'string') {
    bytes = Buffer.alloc(4 + body.length);
    (bytes as Buffer).writeUInt32LE(body.length);
    body.copy(bytes as Buffer, 4);
  } else if (open.length === 1) {
    dims[open[0]] = Math.floor(body.length / (ARRAYS[dtype].BYTES_PER_ELEMENT * elementCount(dims)));
  }
  const data = decodeBytes('the raw input', dtype, elementCount(dims), bytes);
  return { request: { tensors: { [feed.tensor.name]: { dtype, dims, data } } }, binary: () => true };
}

type Parameters = Record<string, unknown> | null | undefined;

function given(parameters: Parameters, name: string): unknown {
  return parameters && Object.hasOwn(parameters, name) ? (parameters[name] ?? undefined) : undefined;
}

function flagParameter(parameters: Parameters, name: string): boolean | undefined {
  const value = given(parameters, name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw new ServiceError('INVALID_REQUEST', `parameter ${name} must be true or false`);
}

function wholeParameter(parameters: Parameters, name: string): number | undefined {
  const value = given(parameters, name);
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new ServiceError('INVALID_REQUEST', `parameter ${name} must be a whole number of at least 0`);
}

/** The reply: JSON, and after it the tensors that are answered as bytes; `headerLength` where there are any. */
export function encodeInfer(
  model: LoadedModel,
  asked: Asked,
  { outputs }: Inference,
): { body: Buffer; headerLength?: number } {
  const chunks: Buffer[] = [];
  const texts = outputs.map(({ name, tensor }) => {
    const head = `{"name":${JSON.stringify(name)},"datatype":"${DATATYPES[tensor.dtype]}","shape":[${tensor.dims.join()}]`;
    if (!asked.binary(name)) return `${head},"data":${encodeJson(tensor)}}`;
    const bytes = encodeBytes(tensor);
    chunks.push(bytes);
    return `${head},"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  const id = asked.id === undefined ? '' : `,"id":${JSON.stringify(asked.id)}`;
  const json = `{"model_name":${JSON.stringify(model.name)},"model_version":${JSON.stringify(model.version)}${id},"outputs":[${texts.join()}]}`;
  const header = Buffer.from(json);
  return chunks.length === 0
    ? { body: header }
    : { body: Buffer.concat([header, ...chunks]), headerLength: header.length };
}
