// The gRPC listener beside HTTP: the inference, health and reflection services, keys, TLS, and an orderly end.
// Loaded only where POLYHEAD_GRPC_PORT asks for it: nobody else pays for the library.
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import protobuf from 'protobufjs';
import { type ErrorCode, firstLine, LoadError, ServiceError } from '../core/errors.ts';
import { readPair } from '../http/tls.ts';
import type { Service } from '../service/service.ts';
import { grpcError } from './errors.ts';
import { guarding } from './guard.ts';
import { holding } from './held.ts';
import { HEALTH, INFERENCE } from './protos.ts';
import { type GrpcOptions, inferenceService } from './service.ts';

export interface GrpcServerOptions extends GrpcOptions {
  readonly host: string;
  readonly grpcPort: number | 'off';
  readonly apiKeys: readonly string[];
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
  readonly maxConnections: number;
  readonly grpcTlsCert: string;
  readonly grpcTlsKey: string;
}

export interface GrpcServer {
  readonly port: number;
  close(): Promise<void>;
}

const SERVICE = 'inference.GRPCInferenceService';
/** Over the largest tensor: names, shapes, parameters. */
const ENVELOPE_BYTES = 1 << 20;
const WATCH_MS = 1000;
/** How long open streams may take to end by themselves. */
const DRAIN_MS = 2000;
const SERVING = 1;
const NOT_SERVING = 2;

export async function startGrpc(service: Service, options: GrpcServerOptions): Promise<GrpcServer> {
  const most = options.maxBodyBytes + ENVELOPE_BYTES;
  const told = (code: ErrorCode) => service.metrics.refusals.inc({ code });
  // The library would print what callers send that is no metadata, keys too, and in a form of its own.
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
  const server = new grpc.Server({
    'grpc.max_receive_message_length': most,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    interceptors: [
      holding(service.held, told, { mostMessageBytes: most, bodyTimeoutMs: options.bodyTimeoutMs, service: SERVICE }),
      guarding({ service: SERVICE, apiKeys: options.apiKeys, quota: service.quota }, ({ code }) => told(code)),
    ],
  });
  const inference = definitionOf(INFERENCE);
  const health = definitionOf(HEALTH);
  const methods = inferenceService(service, options);
  server.addService(writtenByHand(inference[SERVICE] as grpc.ServiceDefinition), methods);
  server.addService(health['grpc.health.v1.Health'] as grpc.ServiceDefinition, healthService(service));
  new ReflectionService({ ...inference, ...health }).addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${bracketed(options.host)}:${options.grpcPort}`, credentialsOf(options), (error, bound) => {
      if (!error) resolve(bound);
      else if (error.message.includes('EADDRINUSE'))
        reject(LoadError.portTaken(Number(options.grpcPort), '--grpc-port'));
      else reject(new LoadError(`gRPC cannot listen on port ${options.grpcPort}: ${firstLine(error.message)}`));
    });
  });
  return { port, close: () => close(server) };
}

/** As `proto-loader` has it, from the text: 64-bit numbers stay text, so that tensors keep every bit. */
function definitionOf(text: string): loader.PackageDefinition {
  const { root } = protobuf.parse(text, { keepCase: true });
  return loader.fromJSON(root.toJSON(), { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true });
}

/** Replies of inferences come as bytes. */
function writtenByHand(definition: grpc.ServiceDefinition): grpc.ServiceDefinition {
  const encoded = ['ModelInfer', 'ModelStreamInfer'].map(name => {
    const method = definition[name];
    const responseSerialize = (reply: object) => (Buffer.isBuffer(reply) ? reply : method.responseSerialize(reply));
    return [name, { ...method, responseSerialize }];
  });
  return { ...definition, ...Object.fromEntries(encoded) };
}

const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);

function credentialsOf({ grpcTlsCert, grpcTlsKey }: GrpcServerOptions): grpc.ServerCredentials {
  if (grpcTlsCert === '') return grpc.ServerCredentials.createInsecure();
  const { cert, key } = readPair({ POLYHEAD_GRPC_TLS_CERT: grpcTlsCert, POLYHEAD_GRPC_TLS_KEY: grpcTlsKey });
  return grpc.ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }], false);
}

/** grpc.health.v1: open without a key, as the probes of HTTP are. */
function healthService(service: Service): grpc.UntypedServiceImplementation {
  const status = () => (service.readiness().ready ? SERVING : NOT_SERVING);
  const isKnown = (name: string) => name === '' || name === SERVICE;
  return {
    Check: (call: grpc.ServerUnaryCall<{ service: string }, unknown>, done: grpc.sendUnaryData<unknown>) => {
      if (isKnown(call.request.service)) done(null, { status: status() });
      else done(grpcError(new ServiceError('NOT_FOUND', 'there is no service of this name')));
    },
    Watch: (call: grpc.ServerWritableStream<{ service: string }, unknown>) => {
      let told: number | undefined;
      const tell = () => {
        const now = isKnown(call.request.service) ? status() : 'SERVICE_UNKNOWN';
        if (now !== told) call.write({ status: now });
        told = now as number;
      };
      tell();
      const watch = setInterval(tell, WATCH_MS);
      call.once('cancelled', () => {
        clearInterval(watch);
        call.end();
      });
    },
  };
}

/** Answers what was admitted; streams that do not end by themselves are cut. */
async function close(server: grpc.Server): Promise<void> {
  const late = setTimeout(() => server.forceShutdown(), DRAIN_MS);
  await new Promise<void>(resolve => server.tryShutdown(() => resolve()));
  clearTimeout(late);
}
