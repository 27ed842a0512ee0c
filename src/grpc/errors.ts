// Errors as gRPC tells them: the same closed list as REST, by gRPC's own codes, with the same words.
import type { ServiceError as GrpcError } from '@grpc/grpc-js';
import { type ErrorCode, ServiceError } from '../core/errors.ts';

/** google.rpc.Code by our codes. */
export const STATUS: Readonly<Record<ErrorCode, number>> = {
  CALLER_GONE: 1,
  INVALID_REQUEST: 3,
  INVALID_SEQUENCE: 3,
  INVALID_STATE: 3,
  UNSUPPORTED_MEDIA_TYPE: 3,
  DEADLINE_EXCEEDED: 4,
  REQUEST_TIMEOUT: 4,
  NOT_FOUND: 5,
  MODEL_NOT_FOUND: 5,
  STREAM_NOT_FOUND: 5,
  FORBIDDEN: 7,
  PAYLOAD_TOO_LARGE: 8,
  ANSWER_TOO_LARGE: 8,
  TOO_MANY_STREAMS: 8,
  QUOTA_EXCEEDED: 8,
  STREAM_CONFLICT: 9,
  METHOD_NOT_ALLOWED: 12,
  INFERENCE_FAILED: 13,
  INTERNAL: 13,
  OVERLOADED: 14,
  NOT_READY: 14,
  STREAMS_UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
};

/** What was thrown, as an error of the closed list: nothing of the inside is told. */
export function known(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  return new ServiceError('INTERNAL', 'something went wrong inside the server', { cause: error });
}

export function grpcError(error: ServiceError): Partial<GrpcError> {
  return { code: STATUS[error.code], details: error.message };
}
