// ModelInfer's messages to tensors: raw bytes or typed contents.
import { ServiceError } from '../core/errors.ts';
import { ARRAYS, type DType, elementCount, type TensorData, type Tensors } from '../core/tensor.ts';
import { DATATYPES, DTYPES, decodeBytes } from '../http/codec/tensors.ts';
import { parameterTimeoutMs, sequenceStep, wholeParameter } from '../http/v2/parameters.ts';
import { quote } from '../sequence/faults.ts';
import type { InferRequest } from '../service/infer.ts';
import type { SequenceStep } from '../service/step.ts';
import type { Contents, Message, Parameter } from './messages.ts';

export interface Asked {
  readonly request: InferRequest;
  readonly id: string;
  /** Whether tensors came, and are answered, as bytes. */
  readonly raw: boolean;
  readonly timeoutMs?: number;
  readonly sequence?: SequenceStep;
}

type Member = keyof Contents;
/** Where typed contents of each datatype stand; FP16 has none. */
const MEMBERS: Readonly<Partial<Record<DType, Member>>> = {
  bool: 'bool_contents',
  int8: 'int_contents',
  int16: 'int_contents',
  int32: 'int_contents',
  int64: 'int64_contents',
  uint8: 'uint_contents',
  uint16: 'uint_contents',
  uint32: 'uint_contents',
  uint64: 'uint64_contents',
  float32: 'fp32_contents',
  float64: 'fp64_contents',
  string: 'bytes_contents',
};
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws {ServiceError} INVALID_REQUEST. Nothing is allocated from a declared shape. */
export function parseRequest(message: Message): Asked {
  const { inputs, outputs, raw_input_contents: chunks, id } = message;
  const raw = chunks.length > 0;
  if (raw && chunks.length !== inputs.length) {
    refuse(`raw_input_contents has ${chunks.length} items, expected ${inputs.length}, one for each input`);
  }
  const tensors: Tensors = {};
  inputs.forEach(({ name, datatype, shape, contents }, i) => {
    const where = `inputs[${i}]`;
    if (name === '__proto__' || Object.hasOwn(tensors, name))
      refuse(`${where} is named ${quote(name)}, as no input or another one is`);
    const dtype = DTYPES.get(datatype) ?? refuse(`${where} has datatype ${quote(datatype)}, which is not served`);
    const dims = shape.map(Number);
    if (!dims.every(size => Number.isSafeInteger(size) && size >= 0))
      refuse(`${where} has a size that is no whole number`);
    const data = raw
      ? decodeBytes(where, dtype, elementCount(dims), chunks[i])
      : typedData(where, dtype, elementCount(dims), contents);
    tensors[name] = { dtype, dims, data };
  });
  const parameters = plain(message.parameters);
  return {
    request: { tensors, outputs: outputs.map(({ name }) => name), priority: wholeParameter(parameters, 'priority') },
    id,
    raw,
    timeoutMs: parameterTimeoutMs(parameters),
    sequence: sequenceStep(parameters),
  };
}

function typedData(where: string, dtype: DType, count: number, contents: Contents | null): TensorData {
  const member = MEMBERS[dtype];
  if (!member) return refuse(`${where}: ${DATATYPES[dtype]} has no typed contents, use raw_input_contents`);
  const values: readonly unknown[] = contents?.[member] ?? [];
  if (values.length !== count)
    refuse(`${where} has ${values.length} elements in ${member}, expected ${count} for its shape`);
  if (dtype === 'string') return (values as Uint8Array[]).map((bytes, i) => textOf(`${where}: element ${i}`, bytes));
  if (dtype === 'bool') return Uint8Array.from(values as boolean[], Number);
  if (dtype === 'int64') return BigInt64Array.from(values as string[], BigInt);
  if (dtype === 'uint64') return BigUint64Array.from(values as string[], BigInt);
  const data = ARRAYS[dtype].from(values as never) as Float32Array<ArrayBuffer>;
  const beyond = dtype.startsWith('float') ? -1 : (values as number[]).findIndex((value, i) => data[i] !== value);
  if (beyond >= 0) refuse(`${where}: element ${beyond} is ${values[beyond]}, which is beyond ${DATATYPES[dtype]}`);
  return data;
}

function textOf(where: string, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return refuse(`${where} is not UTF-8`);
  }
}

/** Parameters as JSON would hold them; a whole number that a double cannot hold stays text, which no parameter takes. */
export function plain(parameters: Readonly<Record<string, Parameter>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, parameter]) => {
      const value = parameter.parameter_choice === undefined ? undefined : parameter[parameter.parameter_choice];
      const whole = parameter.parameter_choice === 'int64_param' || parameter.parameter_choice === 'uint64_param';
      return [name, whole && Number.isSafeInteger(Number(value)) ? Number(value) : value];
    }),
  );
}

function refuse(text: string): never {
  throw new ServiceError('INVALID_REQUEST', text);
}
