// Long sequences answered while they are still being computed: each is cut into slices that go on from one another's state,
// and a slice's answers are given as soon as it has run. What cannot be cut is one slice.
import { merged } from '../core/merged.ts';
import { isEven, piece } from '../sequence/piece.ts';
import type { Sequence } from '../sequence/sequence.ts';
import type { TokenSealer } from '../state/token.ts';
import { CallGroup } from './call-group.ts';
import type { Caller } from './caller.ts';
import { isProvedToContinue } from './continuation.ts';
import type { Model } from './model.ts';
import { answer, type Checked, check, type Predictions } from './predict.ts';
import { type CarryRequest, openTokens, withToken } from './tokens.ts';

/** Time steps of a slice, unless the caller says otherwise: few enough to come soon, enough to be worth a run. */
const SLICE_STEPS = 64;

export interface SlicesRequest extends CarryRequest {
  readonly sliceSteps?: number;
}

/** The answers for the next time steps of one sequence: heads per step for these, heads per sequence for all so far. */
export interface Slice extends Predictions {
  /** Which sequence of the request. */
  readonly sequence: number;
  /** Its time steps so far, these included. */
  readonly length: number;
  readonly last: boolean;
}

/**
 * A sequence in slices of `steps` time steps. It stays whole where calls with state between them were not proved to give what
 * one call gives, and where a head's answer for a part says nothing of the whole: labels that are decoded together.
 */
export function* sliced(
  model: Model,
  sequence: Sequence,
  heads: readonly number[],
  steps = SLICE_STEPS,
): Generator<{ readonly slice: Sequence; readonly last: boolean }> {
  const { signature } = model;
  const { length } = sequence;
  const together = heads.some(i => signature.heads[i].spec.kind === 'sequence-labels');
  const whole = together || length <= steps || !isProvedToContinue(model) || !isEven(signature, sequence);
  const size = whole ? length : steps;
  for (let from = 0; from < length; from += size) {
    const to = Math.min(length, from + size);
    yield { slice: whole ? sequence : piece(signature, sequence, from, to), last: to === length };
  }
}

/**
 * Checks the whole request and takes room for all of it, or refuses it; then answers slices as they are ready, each sequence
 * at most one ahead of what was taken. All of it within the caller's time. @throws {ServiceError} what `predict` throws.
 */
export async function* predictSlices(
  model: Model,
  { states, returnState = false, sliceSteps, ...request }: SlicesRequest,
  caller: Caller,
  sealer: TokenSealer,
): AsyncGenerator<Slice> {
  const opened = openTokens(model, { states, returnState }, request.sequences.length, sealer);
  const checked = check(model, request);
  const release = model.batcher.admit(checked.sequences);
  const group = new CallGroup(caller);
  const chains = checked.sequences.map((_, i) =>
    chain(model, checked, i, { state: opened?.[i], returnState, sliceSteps }, group),
  );
  try {
    for await (const slice of merged(chains)) {
      yield returnState && slice.last ? { ...slice, predictions: withToken(model, slice.predictions, sealer) } : slice;
    }
  } finally {
    group.cancel();
    await Promise.allSettled(chains.map(source => source.return(undefined)));
    release();
  }
}

async function* chain(
  model: Model,
  { heads, sequences }: Checked,
  index: number,
  from: { readonly state: Uint8Array | undefined; readonly returnState: boolean; readonly sliceSteps?: number },
  group: CallGroup,
): AsyncGenerator<Slice> {
  const caller = group.member();
  let { state } = from;
  let length = 0;
  for (const { slice, last } of sliced(model, sequences[index], heads, from.sliceSteps)) {
    const how = { states: [state], returnState: !last || from.returnState, admitted: true };
    const given = await answer(model, { heads, sequences: [slice] }, caller(), how);
    state = given.predictions[0].state;
    length += slice.length;
    yield { ...given, sequence: index, length, last };
  }
}
