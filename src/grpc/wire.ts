// Replies of inferences as protocol buffers, written by hand: in slices where they are large, so that others are answered in
// between, and floats as the bytes that they are. https://protobuf.dev/programming-guides/encoding/
import { bytesField, varint } from '../core/protobuf.ts';
import type { DType, Tensor, TensorData } from '../core/tensor.ts';
import { gather, tooLarge } from '../http/codec/large.ts';
import { DATATYPES, encodeBytes } from '../http/codec/tensors.ts';
import type { Inference } from '../service/infer.ts';

/** Numbers of the fields that are written. */
const REPLY = { modelName: 1, modelVersion: 2, id: 3, outputs: 5, raw: 6 } as const;
const OUTPUT = { name: 1, datatype: 2, shape: 3, contents: 5 } as const;
const STREAM = { reply: 2 } as const;
/** The field of typed contents for each datatype; FP16 has none. */
const CONTENTS: Readonly<Partial<Record<DType, number>>> = {
  bool: 1,
  int8: 2,
  int16: 2,
  int32: 2,
  int64: 3,
  uint8: 4,
  uint16: 4,
  uint32: 4,
  uint64: 5,
  float32: 6,
  float64: 7,
  string: 8,
};
const MOST_VARINT_BYTES = 10;
const PIECE = 4096;
const TEXT_PIECE = 1024;

/** ModelInferResponse: raw if asked for, or where some output has no typed form. @throws {ServiceError} ANSWER_TOO_LARGE. */
export async function replyBytes(
  { model, outputs }: Inference,
  { id, raw, mostBytes }: { readonly id: string; readonly raw: boolean; readonly mostBytes: number },
): Promise<Buffer> {
  const bytes = raw || outputs.some(({ tensor }) => CONTENTS[tensor.dtype] === undefined);
  const parts = [
    bytesField(REPLY.modelName, model.name),
    bytesField(REPLY.modelVersion, model.version),
    ...(id === '' ? [] : [bytesField(REPLY.id, id)]),
  ];
  let written = 0;
  const values: Buffer[] = [];
  for (const { tensor } of outputs) {
    const value = await gather(bytes ? rawPieces(tensor) : typedPieces(tensor), 0, mostBytes);
    written += value.length;
    if (written > mostBytes) throw tooLarge(mostBytes);
    values.push(value);
  }
  outputs.forEach(({ name, tensor: { dtype, dims } }, i) => {
    const shape = Buffer.concat(dims.map(size => varint(size)));
    const output = [
      bytesField(OUTPUT.name, name),
      bytesField(OUTPUT.datatype, DATATYPES[dtype]),
      bytesField(OUTPUT.shape, shape),
    ];
    if (!bytes) output.push(bytesField(OUTPUT.contents, contentsOf(dtype, values[i])));
    parts.push(bytesField(REPLY.outputs, Buffer.concat(output)));
  });
  if (bytes) parts.push(...values.map(value => bytesField(REPLY.raw, value)));
  return Buffer.concat(parts);
}

/** The same as one message of a stream. */
export function streamBytes(reply: Buffer): Buffer {
  return bytesField(STREAM.reply, reply);
}

/** InferTensorContents; numbers are packed, texts are fields already. */
function contentsOf(dtype: DType, values: Buffer): Buffer {
  return dtype === 'string' ? values : bytesField(CONTENTS[dtype] as number, values);
}

function* rawPieces({ dtype, dims, data }: Tensor): Generator<Buffer> {
  if (dtype !== 'string') return yield encodeBytes({ dtype, dims, data });
  for (let start = 0; start < data.length; start += TEXT_PIECE)
    yield encodeBytes({ dtype, dims, data: data.slice(start, start + TEXT_PIECE) as TensorData });
}

function* typedPieces(tensor: Tensor): Generator<Buffer> {
  const { dtype, data } = tensor;
  if (dtype === 'float32' || dtype === 'float64') return yield encodeBytes(tensor);
  for (let start = 0; start < data.length; start += PIECE) {
    const slice = data.slice(start, start + PIECE);
    if (Array.isArray(slice)) yield Buffer.concat(slice.map(text => bytesField(CONTENTS.string as number, text)));
    else yield packed(slice as Exclude<TensorData, string[]>);
  }
}

function packed(data: Exclude<TensorData, string[]>): Buffer {
  const target = Buffer.allocUnsafe(data.length * MOST_VARINT_BYTES);
  let end = 0;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    const halves = new Uint32Array(data.buffer, data.byteOffset, data.length * 2);
    for (let i = 0; i < halves.length; i += 2) end = putVarint(target, end, halves[i], halves[i + 1]);
  } else {
    for (const value of data) end = putVarint(target, end, value >>> 0, value < 0 ? 0xffffffff : 0);
  }
  return target.subarray(0, end);
}

/** The low and the high half of a number of 64 bits, seven bits a byte. */
function putVarint(target: Buffer, start: number, lowHalf: number, highHalf: number): number {
  let [low, high, at] = [lowHalf, highHalf, start];
  while (high > 0 || low > 0x7f) {
    target[at++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  target[at++] = low;
  return at;
}
