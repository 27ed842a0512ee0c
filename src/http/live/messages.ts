// What travels on a live connection: steps as JSON or as little-endian float32 frames, answers and endings as JSON.
import { z } from 'zod';
import { ServiceError } from '../../core/errors.ts';
import type { Model } from '../../service/model.ts';
import { headNames, probabilities } from '../rest/schemas.ts';

/** The first message may say who calls, where to go on from, and what every answer shall tell. */
export const openMessage = z.strictObject({
  open: z.strictObject({
    key: z.string().max(1024).optional(),
    state: z.string().nullable().optional(),
    heads: headNames,
    probabilities,
  }),
});
const stepMessage = z.strictObject({ sequence: z.unknown() });

/** Why a connection was closed, as WebSocket close codes: the registered ones and, from 4000, our own. */
export const CLOSE = {
  /** The server ends or restarts; the last message holds the state to go on from elsewhere. */
  restart: 1012,
  tooBig: 1009,
  internal: 1011,
  unauthenticated: 4401,
  /** The first message cannot be used. */
  badOpen: 4400,
  idle: 4408,
} as const;

/** @throws {ServiceError} INVALID_REQUEST */
export function parseMessage(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString());
  } catch {
    throw new ServiceError('INVALID_REQUEST', 'the message is not valid JSON');
  }
}

/** The time steps of a message. @throws {ServiceError} INVALID_REQUEST */
export function stepOf(model: Model, data: Buffer, binary: boolean): unknown {
  if (binary) return frameOf(model, data);
  const parsed = stepMessage.safeParse(parseMessage(data));
  if (parsed.success && 'sequence' in parsed.data) return parsed.data.sequence;
  throw new ServiceError('INVALID_REQUEST', 'a message is {"sequence": [...]} or a frame of float32 numbers');
}

/** [time step][feature] from the bytes of float32 numbers; what they may be is checked where every sequence is. */
function frameOf({ signature: { inputs } }: Model, data: Buffer): number[][] {
  const [{ spec }] = inputs;
  if (inputs.length > 1 || spec.kind !== 'numeric')
    throw new ServiceError('INVALID_REQUEST', 'frames are for models of one numeric input: send JSON');
  const width = spec.features.length;
  const stepBytes = width * Float32Array.BYTES_PER_ELEMENT;
  if (data.length === 0 || data.length % stepBytes !== 0) {
    throw new ServiceError(
      'INVALID_REQUEST',
      `a frame has ${data.length} bytes, expected a multiple of ${stepBytes}: ${width} float32 features a step`,
    );
  }
  const steps: number[][] = [];
  for (let at = 0; at < data.length; at += stepBytes) {
    const step = new Array<number>(width);
    for (let feature = 0; feature < width; feature++) step[feature] = data.readFloatLE(at + 4 * feature);
    steps.push(step);
  }
  return steps;
}
