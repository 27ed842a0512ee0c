// Replies that come in slices, while the server computes the rest.
import { Problem } from './problem.ts';
import type { HeadNames, ModelTypes, Prediction } from './shapes.ts';
import type { CallOptions, Transport } from './transport.ts';

export interface Slice<M extends ModelTypes, H extends HeadNames<M> = HeadNames<M>, D = undefined> {
  /** Time steps of the sequence answered so far. */
  readonly length: number;
  /** Whether it is answered to its end. */
  readonly last: boolean;
  /** Heads per step for the slice's time steps; heads per sequence for all so far. */
  readonly prediction: Prediction<M, H, D>;
}
/** A slice of one of several sequences. */
export interface SequenceSlice<M extends ModelTypes, H extends HeadNames<M> = HeadNames<M>, D = undefined>
  extends Slice<M, H, D> {
  /** Which sequence of the request, from 0. */
  readonly sequence: number;
}

/** @throws {Problem} at once, or where the server could not answer the rest. */
export async function* slicesOf<S>(
  transport: Transport,
  path: string,
  body: object,
  call: CallOptions,
): AsyncGenerator<S> {
  const headers = { 'content-type': 'application/json', accept: 'application/x-ndjson' };
  for await (const line of transport.lines(path, { ...call, headers, body: JSON.stringify(body) })) {
    const slice = JSON.parse(line);
    if (slice.error) throw new Problem(slice.error.code, slice.error.detail, slice.error);
    yield slice as Awaited<S>;
  }
}
