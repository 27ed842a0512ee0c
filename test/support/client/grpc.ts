// A gRPC client of the inference service, made from the server's own definitions, and golden requests as its messages.
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import { HEALTH, INFERENCE } from '../../../src/grpc/protos.ts';
import { type Answered, bytesOf, type GivenTensor, type Value, valuesOf } from './v2.ts';

const packages = grpc.loadPackageDefinition(
  [INFERENCE, HEALTH].reduce((all, text) => {
    const { root } = protobuf.parse(text, { keepCase: true });
    return Object.assign(
      all,
      loader.fromJSON(root.toJSON(), { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true }),
    );
  }, {} as loader.PackageDefinition),
);
const at = (name: string) =>
  name
    .split('.')
    .reduce<unknown>(
      (found, part) => (found as Record<string, unknown>)[part],
      packages,
    ) as grpc.ServiceClientConstructor;

export type Reply = Record<string, never> & { readonly [member: string]: unknown };

/** Calls methods by name; an error is thrown with gRPC's code. */
export class GrpcClient {
  readonly client: grpc.Client;

  constructor(
    port: number,
    service = 'inference.GRPCInferenceService',
    credentials = grpc.credentials.createInsecure(),
  ) {
    this.client = new (at(service))(`127.0.0.1:${port}`, credentials, { 'grpc.max_receive_message_length': -1 });
  }

  call<T = Reply>(
    method: string,
    message: object = {},
    headers: Record<string, string> = {},
    timeoutMs = 30_000,
  ): Promise<T> {
    const metadata = metadataOf(headers);
    return new Promise((resolve, reject) => {
      const unary = (this.client as unknown as Record<string, (...args: unknown[]) => void>)[method];
      unary.call(this.client, message, metadata, { deadline: Date.now() + timeoutMs }, (error: unknown, reply: T) =>
        error ? reject(error) : resolve(reply),
      );
    });
  }

  stream(
    headers: Record<string, string> = {},
  ): grpc.ClientDuplexStream<object, { error_message: string; infer_response: Reply }> {
    const client = this.client as unknown as { ModelStreamInfer(metadata: grpc.Metadata): never };
    return client.ModelStreamInfer(metadataOf(headers));
  }

  close(): void {
    this.client.close();
  }
}

function metadataOf(headers: Record<string, string>): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

const MEMBERS: Record<string, string> = {
  BOOL: 'bool_contents', INT8: 'int_contents', INT16: 'int_contents', INT32: 'int_contents', INT64: 'int64_contents',
  UINT8: 'uint_contents', UINT16: 'uint_contents', UINT32: 'uint_contents', UINT64: 'uint64_contents',
  FP32: 'fp32_contents', FP64: 'fp64_contents', BYTES: 'bytes_contents',
}; // biome-ignore format: a table

/** A request of these tensors, raw or typed. */
export function messageOf(model: string, tensors: readonly GivenTensor[], raw: boolean, rest: object = {}): object {
  return {
    model_name: model,
    inputs: tensors.map(({ name, datatype, shape, data }) => ({
      name,
      datatype,
      shape,
      contents: raw ? undefined : { [MEMBERS[datatype]]: data.map(value => typedValue(datatype, value)) },
    })),
    raw_input_contents: raw ? tensors.map(({ datatype, data }) => bytesOf(datatype, data)) : [],
    ...rest,
  };
}

function typedValue(datatype: string, value: Value): unknown {
  if (datatype === 'BYTES') return Buffer.from(`${value}`);
  return typeof value === 'bigint' ? `${value}` : value;
}

interface ReplyTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly string[];
  readonly contents: Record<string, unknown[]> | null;
}

/** The outputs of a reply, raw or typed. */
export function outputsOf(reply: Reply): Answered[] {
  const { outputs, raw_output_contents: raw } = reply as unknown as {
    outputs: ReplyTensor[];
    raw_output_contents: Buffer[];
  };
  return outputs.map(({ name, datatype, shape, contents }, i) => {
    const typed = contents?.[MEMBERS[datatype]] ?? [];
    const values = typed.map(value => {
      if (value instanceof Uint8Array) return Buffer.from(value).toString();
      return /INT64/.test(datatype) ? BigInt(value as string) : (value as Value);
    });
    return { name, datatype, shape: shape.map(Number), data: raw.length > 0 ? valuesOf(datatype, raw[i]) : values };
  }) as Answered[];
}
