// What reading a graph makes suspect, and the trials that are aimed at it.
import { suspectsOf } from '../model/onnx/coupling.ts';
import type { Graph } from '../model/onnx/graph.ts';
import type { Signature } from '../model/signature.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { type Known, randomNumbers, randomSequence } from './samples.ts';

/** What reading a graph tells of it: its nodes, its tables of ids and its words. */
export type Reading = Pick<Graph, 'body' | 'tables' | 'words'>;

export interface Suspicion {
  /** A node that works along the rows of a run on what callers send: no trial acquits it. In words. */
  readonly couples?: string;
  /** Whether any node may couple rows. */
  readonly suspect: boolean;
}

export function suspicionOf(signature: Signature, { body }: Reading): Suspicion {
  const axes = new Map(
    signature.feeds.map(({ tensor, axes: { batch } }) => [
      tensor.name,
      batch === null ? null : { axis: batch, rank: tensor.dims.length },
    ]),
  );
  // A reduction of the lengths only sizes the run; trials tell whether it does more.
  const values = new Set(
    signature.feeds.flatMap(({ tensor, role }) => (role === 'data' || role === 'state' ? [tensor.name] : [])),
  );
  const suspects = suspectsOf(body, axes);
  const certain = suspects.find(({ certain, inputs }) => certain && inputs.some(name => values.has(name)));
  return {
    couples: certain && `node "${certain.name}" (${certain.operator}) works along the rows of a run`,
    suspect: suspects.length > 0,
  };
}

/** Reaches of numbers, far below and beyond the usual. */
const REACHES = [1e-4, 1e-2, 1e2, 1e3, 1e4, 1e6];
const LENGTH = 5;
/** Ids tried at most, in sequences of so many. */
const MOST_IDS = 4096;
const IDS_A_SEQUENCE = 64;

/** Usual sequences beside one that is extreme, beside copies of one, and beside every id of a table in turn. */
export function aimedBatches(signature: Signature, known: Known): Sequence[][] {
  const random = randomNumbers(13);
  const usual = [0, 1].map(() => randomSequence(signature, LENGTH, random, { known }));
  const batches = REACHES.flatMap(scale => {
    const extreme = randomSequence(signature, LENGTH, random, { scale, known });
    return [
      [...usual, extreme],
      [extreme, usual[0], extreme, extreme],
    ];
  });
  batches.push([usual[0], usual[0], usual[0], usual[1]]);
  const ids = Math.min(MOST_IDS, Math.max(0, ...Object.values(known.tables)));
  const length = Math.min(IDS_A_SEQUENCE, Math.max(LENGTH, ids));
  for (let first = 0; first < ids; first += length) {
    const rare = randomSequence(signature, length, random, { known, firstId: first });
    batches.push([randomSequence(signature, rare.longest, random, { known }), rare]);
  }
  return batches.map(batch => batch.filter(({ batchKey }) => batchKey === batch[0].batchKey));
}
