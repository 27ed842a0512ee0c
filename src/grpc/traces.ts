// Follows one inference over gRPC: W3C trace context in the metadata, attributes by OpenTelemetry's conventions for RPC.
import { type Metadata, status } from '@grpc/grpc-js';
import type { Trace, Tracing } from '../core/trace.ts';
import { known, STATUS } from './errors.ts';

export async function followed<T>(
  tracing: Tracing | undefined,
  method: string,
  metadata: Metadata,
  work: (trace?: Trace) => Promise<T>,
): Promise<T> {
  if (!tracing) return work();
  const name = `inference.GRPCInferenceService/${method}`;
  const trace = tracing.request(name, metadata.getMap(), () => ({ 'rpc.system.name': 'grpc', 'rpc.method': name }));
  try {
    const reply = await work(trace.sampled ? trace : undefined);
    trace.end({ 'rpc.status_code': 'OK' });
    return reply;
  } catch (error) {
    const { code } = known(error);
    const told = STATUS[code];
    trace.end({ 'rpc.status_code': status[told], 'error.type': code }, SERVER_FAULTS.has(told) ? code : undefined);
    throw error;
  }
}

/** Those that the conventions count as the server's. */
const SERVER_FAULTS = new Set<number>([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.UNIMPLEMENTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);
