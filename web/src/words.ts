// What a certificate says, in sentences for people who have not read its documentation.

import { plural, short } from './format.ts';
import type { Certificate, Model } from './model.ts';

const ROWS: Record<Certificate['rows'], string> = {
  exact: 'A sequence gets the same answer, bit for bit, alone or in company.',
  exactInPairs:
    'A sequence gets the same answer, bit for bit, in any company; a lone one runs as two copies of itself.',
  tolerance: 'A sequence in company may differ from the same one alone in the last digits, by less than 0.00001.',
  alone: 'Company would change the answers, so every sequence runs alone.',
};
const MIXING: Record<Certificate['mixing'], string> = {
  classes: 'Sequences of near lengths, from any caller, share a run.',
  equal: 'Only sequences of equal length share a run.',
  alone: 'No two sequences share a run.',
};
const LENGTHS: Record<Certificate['lengths'], string> = {
  lengths: 'The graph is told every length, so padding is never read.',
  mask: 'The graph is told by a mask which steps are padding.',
  zeroPadding: 'The graph itself makes padding harmless.',
  equalOnly: 'The graph cannot tell padding from data, so none is added.',
};

/** Who may share a run with whom, and how that is known. */
export function certificateText({ certificate, mixing }: Model): string[] {
  const { rows, lengths, worstDifference, sequences, batches, state } = certificate;
  const found = `Tried at load with ${plural(sequences, 'sequence')} in ${plural(batches, 'batch').replace(/batchs/, 'batches')}; the largest difference was ${worstDifference === 0 ? 'none' : short(worstDifference, 2)}.`;
  const carried = state
    ? state.continues === 'no'
      ? 'Its state cannot be carried from call to call.'
      : 'Its state can be carried from call to call: send only what is new.'
    : '';
  return [MIXING[mixing], ROWS[rows], LENGTHS[lengths], carried, found].filter(sentence => sentence !== '');
}

/** The certificate in two or three words. */
export function certificateBrief({ mixing, certificate }: Model): string {
  if (mixing === 'alone') return 'runs alone';
  const exact = certificate.rows === 'exact' || certificate.rows === 'exactInPairs';
  return exact ? 'batched, bit for bit' : 'batched, within 1e-5';
}
