// The Open Inference Protocol as a client speaks it, written apart from the server's own codec: tensors to bytes and back
// by Node's Buffer methods, request bodies with binary tensors, and replies taken apart by what they say of themselves.
import assert from 'node:assert/strict';
import http from 'node:http';
import type { TestApp } from '../server/service.ts';
import { assertNothingInside } from './contract.ts';

export type Value = number | bigint | boolean | string;

export interface GivenTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: readonly Value[];
}

/** Width and Buffer methods of every datatype of a fixed width; FP16 as its raw bits. */
export const WIDTHS = {
  BOOL: [1, 'UInt8'],
  UINT8: [1, 'UInt8'],
  UINT16: [2, 'UInt16LE'],
  UINT32: [4, 'UInt32LE'],
  UINT64: [8, 'BigUInt64LE'],
  INT8: [1, 'Int8'],
  INT16: [2, 'Int16LE'],
  INT32: [4, 'Int32LE'],
  INT64: [8, 'BigInt64LE'],
  FP16: [2, 'UInt16LE'],
  FP32: [4, 'FloatLE'],
  FP64: [8, 'DoubleLE'],
} as const;
type Datatype = keyof typeof WIDTHS;

export function bytesOf(datatype: string, data: readonly Value[]): Buffer {
  if (datatype === 'BYTES') {
    return Buffer.concat(
      data.flatMap(text => [bytesOf('UINT32', [Buffer.byteLength(String(text))]), Buffer.from(text as string)]),
    );
  }
  const [width, method] = WIDTHS[datatype as Datatype];
  const buffer = Buffer.alloc(width * data.length);
  data.forEach((value, i) => {
    const plain = width === 8 && datatype !== 'FP64' ? BigInt(value) : Number(value);
    buffer[`write${method}`](plain as never, i * width);
  });
  return buffer;
}

export function valuesOf(datatype: string, buffer: Buffer): Value[] {
  const values: Value[] = [];
  if (datatype === 'BYTES') {
    for (let offset = 0; offset < buffer.length; ) {
      const end = offset + 4 + buffer.readUInt32LE(offset);
      values.push(buffer.toString('utf8', offset + 4, end));
      offset = end;
    }
    return values;
  }
  const [width, method] = WIDTHS[datatype as Datatype];
  for (let offset = 0; offset < buffer.length; offset += width) {
    const value = buffer[`read${method}`](offset);
    values.push(datatype === 'BOOL' ? value === 1 : value);
  }
  return values;
}

export interface Body {
  readonly body: Buffer;
  readonly headers: Record<string, string>;
}

/** A request body of JSON alone. */
export function jsonBody(inputs: readonly GivenTensor[], envelope: object = {}): Body {
  return {
    body: Buffer.from(JSON.stringify({ ...envelope, inputs })),
    headers: { 'content-type': 'application/json' },
  };
}

/** A request body whose tensors, or those of them that are named, follow the JSON as bytes. */
export function binaryBody(inputs: readonly GivenTensor[], envelope: object = {}, only?: readonly string[]): Body {
  const chunks: Buffer[] = [];
  const described = inputs.map(input => {
    if (only && !only.includes(input.name)) return input;
    const { data, ...rest } = input;
    const bytes = bytesOf(input.datatype, data);
    chunks.push(bytes);
    return { ...rest, parameters: { binary_data_size: bytes.length } };
  });
  const header = Buffer.from(
    JSON.stringify({ parameters: { binary_data_output: true }, ...envelope, inputs: described }),
  );
  return framed(header, ...chunks);
}

/** Any JSON text and the bytes after it. */
export function framed(header: Buffer | string, ...chunks: Buffer[]): Body {
  const json = Buffer.from(header);
  return {
    body: Buffer.concat([json, ...chunks]),
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': `${json.length}` },
  };
}

export interface V2Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly bytes: Buffer;
}

export interface V2Call {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: Buffer | string;
  readonly agent?: http.Agent;
}

/** Without a socket. */
export async function inject({ app }: TestApp, url: string, call: V2Call = {}): Promise<V2Reply> {
  const method = (call.method ?? (call.body === undefined ? 'GET' : 'POST')) as 'GET';
  const reply = await app.inject({ method, url, headers: call.headers, payload: call.body });
  return { status: reply.statusCode, headers: reply.headers as http.IncomingHttpHeaders, bytes: reply.rawPayload };
}

/** Over a socket; chunked if the headers say so. */
export function send(origin: string, path: string, call: V2Call = {}): Promise<V2Reply> {
  const { hostname, port } = new URL(origin);
  const method = call.method ?? (call.body === undefined ? 'GET' : 'POST');
  return new Promise((resolve, reject) => {
    const request = http.request(
      { hostname, port, path, method, headers: call.headers, agent: call.agent },
      response => {
        const chunks: Buffer[] = [];
        response.on('data', chunk => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes: Buffer.concat(chunks) }),
        );
      },
    );
    request.on('error', reject);
    request.end(call.body);
  });
}

/** The text of an error reply, after checking that it is one in the protocol's form with nothing of the inside. */
export function errorOf(reply: V2Reply, status: number, pattern?: RegExp): string {
  const text = reply.bytes.toString();
  assert.equal(reply.status, status, text);
  assert.equal(reply.headers['content-type'], 'application/json');
  const body = JSON.parse(text);
  assert.deepEqual(Object.keys(body), ['error']);
  assert.equal(typeof body.error, 'string');
  assert.ok(body.error.length > 0 && body.error.length < 1000);
  assertNothingInside(text);
  if (status === 503) assert.match(reply.headers['retry-after'] ?? '', /^[1-9][0-9]*$/);
  if (pattern) assert.match(body.error, pattern);
  return body.error;
}

/** The JSON of a reply of 200, whose content type is exactly application/json. */
export function jsonOf(reply: V2Reply) {
  assert.equal(reply.status, 200, reply.bytes.toString());
  assert.equal(reply.headers['content-type'], 'application/json');
  return JSON.parse(reply.bytes.toString());
}

export interface Answered {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: readonly Value[];
  /** The tensor's bytes, where it was answered as bytes. */
  readonly bytes?: Buffer;
}

export interface Answer {
  readonly head: { readonly model_name: string; readonly model_version: string; readonly id?: string };
  readonly outputs: readonly Answered[];
}

/** An infer answer, whichever outputs are JSON and whichever are bytes; every byte of the body is accounted for. */
export function answerOf({ status, headers, bytes }: V2Reply): Answer {
  assert.equal(status, 200, bytes.toString().slice(0, 500));
  const length = headers['inference-header-content-length'];
  assert.equal(headers['content-type'], length === undefined ? 'application/json' : 'application/octet-stream');
  const split = length === undefined ? bytes.length : Number(length);
  const { outputs, ...head } = JSON.parse(bytes.toString('utf8', 0, split));
  let offset = split;
  const answered = outputs.map(({ name, datatype, shape, data, parameters }: Answered & { parameters?: object }) => {
    const count = shape.reduce((product, size) => product * size, 1);
    if (data !== undefined) {
      assert.equal(parameters, undefined);
      assert.equal(data.length, count);
      // Into an array of its type, as every client does.
      const read = (value: Value | null) => (typeof value === 'number' ? Math.fround(value) : value);
      return { name, datatype, shape, data: datatype === 'FP32' ? (data as Value[]).map(read) : data };
    }
    const { binary_data_size: size } = parameters as { binary_data_size: number };
    const part = bytes.subarray(offset, offset + size);
    assert.equal(part.length, size);
    offset += size;
    const values = valuesOf(datatype, part);
    assert.equal(values.length, count);
    return { name, datatype, shape, data: values, bytes: part };
  });
  assert.equal(offset, bytes.length, 'bytes follow the last tensor');
  return { head, outputs: answered };
}
