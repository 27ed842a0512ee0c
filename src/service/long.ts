// Calls with long sequences: each runs as a chain of slices through the graph's own state, so that others ride between them.
// How a sequence is cut depends on its length alone, so its answer depends on nobody else; and only graphs that were seen to
// answer a chain bit for bit as one run are asked so.
import type { SubmitOptions, Timing } from '../batching/submission.ts';
import { ServiceError } from '../core/errors.ts';
import type { Row } from '../sequence/collate.ts';
import { isEven, piece } from '../sequence/piece.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { continueFrom, stateOf } from '../state/bytes.ts';
import { CallGroup } from './call-group.ts';
import type { Caller } from './caller.ts';
import type { Model } from './model.ts';
import { type Answered, submit } from './submit.ts';

/** Time steps of a slice: enough to be worth a run, a few milliseconds of a small recurrent graph. */
const SLICE_STEPS = 512;
/** Longer sequences are cut. */
const LONG_STEPS = 2 * SLICE_STEPS;

/** As `submit`, whatever the lengths. @throws {ServiceError} what `submit` throws; all of the sequences are given up then. */
export async function submitAny(
  model: Model,
  sequences: readonly Sequence[],
  caller: Caller,
  options: SubmitOptions = {},
): Promise<Answered> {
  const long =
    options.mixing !== 'alone' && isCuttable(model) ? sequences.filter(sequence => isLong(model, sequence)) : [];
  sequences.forEach((sequence, i) => {
    if (!model.bytes.fits(sequence) && !long.includes(sequence)) throw tooMuch(model, i);
  });
  if (long.length === 0) return submit(model, sequences, caller, options);
  const release = options.admitted ? () => {} : model.batcher.admit(sequences);
  const group = new CallGroup(caller);
  const others = sequences.filter(sequence => !long.includes(sequence));
  const given = { ...options, admitted: true };
  try {
    const answers = await Promise.all([
      ...long.map(sequence => chain(model, sequence, group.member(), given)),
      ...(others.length > 0 ? [submit(model, others, group.member()(), given)] : []),
    ]);
    const rows = new Map(answers.flatMap(answer => answer.rows).map(row => [row.sequence, row]));
    return {
      rows: sequences.map(sequence => rows.get(sequence) as Row),
      timing: answers.map(answer => answer.timing).reduce(greater),
    };
  } finally {
    group.cancel();
    release();
  }
}

function tooMuch({ bytes }: Model, index: number): ServiceError {
  const detail = `sequence ${index} alone would take more than the ${bytes.mostBytes} bytes of inputs and outputs that a run may hold`;
  return new ServiceError('ANSWER_TOO_LARGE', `${detail}; send a shorter one`);
}

/** Whether a chain of runs says what one run says: the same bits were seen, and no head answers single steps. */
function isCuttable({ signature, certificate }: Model): boolean {
  const { heads, controls } = signature;
  return (
    certificate.state?.continues === 'exact' && controls.length === 0 && heads.every(({ axes }) => axes.time === null)
  );
}

/** Sequences that say themselves what is padding stay whole. */
function isLong({ signature }: Model, sequence: Sequence): boolean {
  if (sequence.length <= LONG_STEPS || !isEven(signature, sequence)) return false;
  return signature.feeds.every(({ role }, f) => (role !== 'lengths' && role !== 'mask') || !sequence.parts[f]);
}

async function chain(
  model: Model,
  sequence: Sequence,
  caller: () => Caller,
  options: SubmitOptions,
): Promise<Answered> {
  const { signature } = model;
  let timing: Timing | undefined;
  let state: Uint8Array | undefined;
  for (let from = 0; ; from += SLICE_STEPS) {
    const to = Math.min(sequence.length, from + SLICE_STEPS);
    const slice = piece(signature, sequence, from, to);
    const next = state ? continueFrom(signature, slice, state) : slice;
    const answered = await submit(model, [next], caller(), { ...options, withState: true, mixing: model.stateMixing });
    timing = timing ? sum(timing, answered.timing) : answered.timing;
    const [row] = answered.rows;
    if (to === sequence.length) return { rows: [{ ...row, sequence }], timing };
    state = stateOf(signature, row);
  }
}

function sum(one: Timing, other: Timing): Timing {
  return { ...greater(one, other), queueMs: one.queueMs + other.queueMs, runMs: one.runMs + other.runMs };
}

function greater(one: Timing, other: Timing): Timing {
  return {
    queueMs: Math.max(one.queueMs, other.queueMs),
    runMs: Math.max(one.runMs, other.runMs),
    batchSize: Math.max(one.batchSize, other.batchSize),
  };
}
