// Bodies of the Open Inference Protocol to tensors and back, with its binary tensor extension.
import { ServiceError } from '../../core/errors.ts';
import { ARRAYS, elementCount, type Tensors } from '../../core/tensor.ts';
import { quote } from '../../sequence/faults.ts';
import { gapsByTensor } from '../../sequence/missing.ts';
import { type Inference, type InferRequest, servedOutputs, usualOutputs } from '../../service/infer.ts';
import type { Model } from '../../service/model.ts';
import type { SequenceStep } from '../../service/step.ts';
import { parseJson } from '../bodies.ts';
import { jsonWithin, tooLarge } from '../codec/large.ts';
import { DATATYPES, DTYPES, decodeBytes, decodeJson, encodeBytes } from '../codec/tensors.ts';
import { isPlainInfer } from './envelope.ts';
import { flagParameter, parameterTimeoutMs, sequenceStep, wholeParameter } from './parameters.ts';
import { type InferBody, inferBody } from './schemas.ts';

/** What a request asks, and how it wants its answer. */
export interface Asked {
  readonly request: InferRequest;
  readonly id?: string;
  readonly timeoutMs?: number;
  readonly sequence?: SequenceStep;
  /** Whether an output is answered as bytes. */
  readonly binary: (output: string) => boolean;
}

/**
 * Reads a request body; `headerLength` is the header Inference-Header-Content-Length.
 * @throws {ServiceError} INVALID_REQUEST or INVALID_SEQUENCE. Nothing is allocated from a declared shape.
 */
export function parseInfer(model: Model, body: Buffer, headerLength: string | undefined): Asked {
  const split = headerLength === undefined ? body.length : headerSize(headerLength, body.length);
  if (split === 0 && body.length > 0) return rawRequest(model, body);
  const envelope = parseEnvelope(body.subarray(0, split));
  const { parameters, outputs } = envelope;
  const named = outputs?.map(output => output.name);
  const wantsBytes = new Map(outputs?.map(o => [o.name, flagParameter(o.parameters, 'binary_data')]));
  const allBytes = flagParameter(parameters, 'binary_data_output') ?? false;
  const binary = (output: string) => wantsBytes.get(output) ?? allBytes;
  const known = new Map(servedOutputs(model).map(output => [output.name, output]));
  for (const name of named && named.length > 0 ? named : usualOutputs(model).map(output => output.name)) {
    if (known.get(name)?.dtype !== 'float16' || binary(name)) continue;
    throw new ServiceError(
      'INVALID_REQUEST',
      `output ${quote(name)} is FP16 and has no JSON form, use the binary data format`,
    );
  }
  return {
    request: {
      tensors: readTensors(envelope, body.subarray(split), gapsByTensor(model.signature)),
      outputs: named,
      priority: wholeParameter(parameters, 'priority'),
    },
    id: envelope.id || undefined,
    sequence: sequenceStep(parameters),
    timeoutMs: parameterTimeoutMs(parameters),
    binary,
  };
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
  const given = parseJson(bytes);
  if (isPlainInfer(given)) return given;
  const parsed = inferBody.safeParse(given);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new ServiceError('INVALID_REQUEST', `${path.join('.').slice(0, 200) || 'the body'}: ${message.slice(0, 300)}`);
}

function readTensors({ inputs }: InferBody, bytes: Buffer, gaps: ReadonlyMap<string, unknown>): Tensors {
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
      tensors[name] = {
        dtype,
        dims: shape,
        data: decodeJson(['inputs', i, 'data'], dtype, shape, data, gaps.has(name)),
      };
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
function rawRequest(model: Model, body: Buffer): Asked {
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

/** The reply: JSON, and after it the tensors that are answered as bytes; `headerLength` where there are any. */
export async function encodeInfer(
  asked: Asked,
  { model, outputs }: Inference,
  mostBytes: number,
): Promise<{ body: Buffer; headerLength?: number }> {
  let left = mostBytes;
  const chunks: Buffer[] = [];
  const texts: string[] = [];
  for (const { name, tensor } of outputs) {
    const head = `{"name":${JSON.stringify(name)},"datatype":"${DATATYPES[tensor.dtype]}","shape":[${tensor.dims.join()}]`;
    if (!asked.binary(name)) {
      const data = await jsonWithin(tensor, left);
      texts.push(`${head},"data":${data}}`);
      left -= data.length;
      continue;
    }
    const bytes = encodeBytes(tensor);
    chunks.push(bytes);
    left -= bytes.length;
    if (left < 0) throw tooLarge(mostBytes);
    texts.push(`${head},"parameters":{"binary_data_size":${bytes.length}}}`);
  }
  const id = asked.id === undefined ? '' : `,"id":${JSON.stringify(asked.id)}`;
  const json = `{"model_name":${JSON.stringify(model.name)},"model_version":${JSON.stringify(model.version)}${id},"outputs":[${texts.join()}]}`;
  const header = Buffer.from(json);
  return chunks.length === 0
    ? { body: header }
    : { body: Buffer.concat([header, ...chunks]), headerLength: header.length };
}
