// Reads an ONNX file with bounded memory: large weights stay in the file, and the decoded graph only says where they lie.
import type { FileHandle } from 'node:fs/promises';
import { bytesField, varint } from '../../core/protobuf.ts';
import type { TensorProto } from './proto.ts';

/** Field numbers of onnx.proto that lead to weights, by message; each names the message that it holds. */
const DESCEND: Record<string, Record<number, string>> = {
  Model: { 7: 'Graph', 25: 'Function' },
  Function: { 7: 'Node' },
  Graph: { 1: 'Node', 5: 'Tensor', 15: 'Sparse' },
  Node: { 5: 'Attribute' },
  Attribute: { 5: 'Tensor', 6: 'Graph', 10: 'Tensor', 11: 'Graph', 22: 'Sparse' },
  Sparse: { 1: 'Tensor', 2: 'Tensor' },
};
/** Fields of TensorProto whose bytes are plain little-endian values: floatData, rawData, doubleData. */
const PLAIN_VALUES = new Set([4, 9, 10]);
const EXTERNAL_DATA = 13;
/** What `location` says of weights that lie in the graph file itself. */
export const INSIDE = '\0inside';

const KEEP_BYTES = 64 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const LENGTH_DELIMITED = 2;

/** A file read forward through one buffer. */
class Reader {
  position: number;
  readonly #handle: FileHandle;
  #chunk = Buffer.alloc(0);
  #start = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
    this.position = 0;
  }

  async byte(): Promise<number> {
    const at = this.position - this.#start;
    if (at < 0 || at >= this.#chunk.length) {
      const buffer = Buffer.alloc(KEEP_BYTES);
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.position);
      if (bytesRead === 0) throw new Error('the file ends within a field');
      this.#chunk = buffer.subarray(0, bytesRead);
      this.#start = this.position;
    }
    return this.#chunk[this.position++ - this.#start];
  }

  async varint(): Promise<number> {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = await this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error('a number has too many bytes');
  }

  /** A varint as it stands: the value may need all 64 bits. */
  async rawVarint(): Promise<Buffer> {
    const bytes: number[] = [];
    do bytes.push(await this.byte());
    while (bytes[bytes.length - 1] >= 0x80 && bytes.length < 10);
    return Buffer.from(bytes);
  }

  async bytes(length: number): Promise<Buffer> {
    const at = this.position - this.#start;
    if (at >= 0 && at + length <= this.#chunk.length) {
      this.position += length;
      return this.#chunk.subarray(at, at + length); // a read for each small field would take most of the time
    }
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await this.#handle.read(buffer, 0, length, this.position);
    if (bytesRead < length) throw new Error('the file ends within a field');
    this.position += length;
    return buffer;
  }
}

/** The file's ModelProto with every large field of weights replaced by a reference into the file. @throws if it is none. */
export async function readSkeleton(handle: FileHandle): Promise<Uint8Array> {
  const { size } = await handle.stat();
  return prune(new Reader(handle), size, 'Model');
}

/** Copies the fields of one message that ends at `end`, leaving large weights out. */
async function prune(reader: Reader, end: number, message: string): Promise<Buffer> {
  const kept: Buffer[] = [];
  while (reader.position < end) {
    const tag = await reader.varint();
    const field = Math.floor(tag / 8);
    const wire = tag % 8;
    if (field === 0) throw new Error('there is no field 0');
    if (wire !== LENGTH_DELIMITED) {
      kept.push(varint(tag), await scalar(reader, wire));
      continue;
    }
    const length = await reader.varint();
    const start = reader.position;
    if (start + length > end) throw new Error('a field ends beyond its message');
    const inner = DESCEND[message]?.[field];
    if (message === 'Tensor' && PLAIN_VALUES.has(field) && length > KEEP_BYTES) {
      reader.position = start + length;
      for (const [key, value] of Object.entries({ location: INSIDE, offset: start, length })) {
        kept.push(bytesField(EXTERNAL_DATA, Buffer.concat([bytesField(1, key), bytesField(2, String(value))])));
      }
    } else if (inner && length > KEEP_BYTES) {
      kept.push(bytesField(field, await prune(reader, start + length, inner)));
    } else {
      kept.push(bytesField(field, await reader.bytes(length)));
    }
  }
  if (reader.position !== end) throw new Error('a field ends beyond its message');
  return Buffer.concat(kept);
}

async function scalar(reader: Reader, wire: number): Promise<Buffer> {
  if (wire === 0) return reader.rawVarint();
  if (wire === 1) return reader.bytes(8);
  if (wire === 5) return reader.bytes(4);
  throw new Error(`wire type ${wire} is not used by ONNX`);
}

/** Calls `visit` with the file's bytes from `offset` on, a chunk at a time; chunks but the last hold whole 8-byte words. */
export async function scan(
  handle: FileHandle,
  offset: number,
  length: number,
  visit: (chunk: Uint8Array) => void,
): Promise<void> {
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, length)); // one for all: a new one each waits long for the collector
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, length - done), offset + done);
    if (bytesRead === 0) throw new Error('the file ends within a weight');
    const whole = done + bytesRead === length ? bytesRead : bytesRead - (bytesRead % 8);
    if (whole === 0) throw new Error('the file ends within a weight');
    visit(chunk.subarray(0, whole));
    done += whole;
  }
}

export function externalEntry(tensor: TensorProto, key: string): string | undefined {
  return tensor.externalData.find(entry => entry.key === key)?.value;
}
