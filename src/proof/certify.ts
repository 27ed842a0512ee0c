// The batching certificate: before a model serves, find out by experiment whether a row's answer depends on its company.

import { LoadError } from '../core/errors.ts';
import { freeAxes } from '../model/free-axes.ts';
import { isWithin, type Mixing, narrowest } from '../model/mixing.ts';
import type { Signature } from '../model/signature.ts';
import type { Run } from '../runtime/runner.ts';
import type { Sequence } from '../sequence/sequence.ts';
import type { Certificate, RowsVerdict, Verdict } from './certificate.ts';
import type { Comparison, Evidence, Group } from './comparison.ts';
import { continuity, sideEffects } from './continuity.ts';
import { type CertifyOptions, Trials } from './trials.ts';

/** What a float32 sum in another order may change; beyond it, rows are not independent. */
export const TOLERANCE = 1e-5;

/**
 * Runs golden, random and extreme sequences alone and then in company: batches of equal lengths, then batches of mixed
 * lengths. What is tried is the same at every load, on every machine.
 */
export async function certify(
  signature: Signature,
  golden: readonly Sequence[],
  limits: CertifyOptions,
  run: Run,
): Promise<Certificate> {
  const start = performance.now();
  const trials = new Trials(signature, golden, limits, run);
  const batched = signature.feeds.every(({ role, axes }) => role === 'side' || axes.batch !== null);
  if (batched) await trials.rows();
  const { comparison } = trials;
  if (batched && rowsVerdict(comparison, 'heads') !== 'alone') await trials.lengths();
  if (batched && rowsVerdict(comparison, 'heads') !== 'alone') await trials.suspects();
  const heads = verdict(trials, 'heads', batched);
  const complete = trials.open.size === 0;
  const warnings: string[] = complete ? [] : [`${NOT_ALL}: the graph is too large to try that before it serves`];
  const counterExample = counterExampleOf(trials, heads, batched);
  if (heads.mixing === 'alone' && complete) warnings.push(`every sequence runs alone: ${counterExample}`);
  if (trials.mixed && signature.padding !== 'none' && heads.mixing === 'equal' && complete) {
    warnings.push(readsPadding(trials));
  }
  const state = signature.state.length === 0 ? null : await stateVerdict(signature, run, trials, batched);
  if (state?.continues === 'no') warnings.push('two calls with the state between them do not give what one call gives');
  return {
    ...heads,
    state,
    axes: Object.fromEntries([
      ...signature.feeds.map(({ tensor, axes }) => [tensor.name, axes] as const),
      ...signature.outputs,
    ]),
    sideInputs: await sideEffects(signature, run),
    counterExample,
    warnings,
    sequences: comparison.sequences,
    batches: comparison.batches,
    milliseconds: Math.round(performance.now() - start),
    complete,
  };
}

async function stateVerdict(
  signature: Signature,
  run: Run,
  trials: Trials,
  batched: boolean,
): Promise<Certificate['state']> {
  return { ...verdict(trials, 'state', batched), continues: await continuity(signature, run, TOLERANCE) };
}

function rowsVerdict({ worst }: Comparison, group: Group): RowsVerdict {
  const { alone, paired } = worst.rows[group];
  if (alone.difference === 0) return 'exact';
  if (paired.difference === 0) return 'exactInPairs';
  return alone.difference <= TOLERANCE ? 'tolerance' : 'alone';
}

function verdict({ comparison, mixed, open, signature, suspicion }: Trials, group: Group, batched: boolean): Verdict {
  const rows = batched && !suspicion.couples ? rowsVerdict(comparison, group) : 'alone';
  if (rows === 'alone') return { rows, lengths: 'equalOnly', mixing: 'alone', worstDifference: 0 };
  const { rows: equal, lengths: padded } = comparison.worst;
  const harmless = mixed && padded[group][rows === 'exactInPairs' ? 'paired' : 'alone'].difference <= TOLERANCE;
  // Exact among equal lengths, but with padding only if never alone: then never alone.
  const onlyInPairs =
    harmless && rows === 'exact' && padded[group].alone.difference > 0 && padded[group].paired.difference === 0;
  const base = rows === 'exactInPairs' || onlyInPairs ? 'paired' : 'alone';
  // What was tried only in part allows nothing yet.
  const most = open.has('rows') ? 'alone' : open.has('lengths') ? 'equal' : 'classes';
  return {
    rows: onlyInPairs ? 'exactInPairs' : rows,
    lengths: harmless ? PADDING_BY[signature.padding] : 'equalOnly',
    mixing: narrowest(most, harmless ? 'classes' : 'equal'),
    worstDifference: Math.max(equal[group][base].difference, harmless ? padded[group][base].difference : 0),
  };
}

const NOT_ALL = 'not everything was tried yet';
const PADDING_BY = { lengths: 'lengths', mask: 'mask', none: 'zeroPadding' } as const;

function counterExampleOf(
  { comparison, mixed, open, suspicion, signature, producer }: Trials,
  { mixing, rows }: Verdict,
  batched: boolean,
): string | null {
  if (mixing === 'classes') return null;
  if (!batched) return withoutBatch(signature, producer);
  if (open.has('rows') && rows !== 'alone') return NOT_ALL;
  if (mixing === 'alone') {
    const { alone } = comparison.worst.rows.heads;
    return alone.difference <= TOLERANCE && suspicion.couples ? suspicion.couples : inWords(alone);
  }
  if (!mixed) return 'every sequence has the same length';
  const { alone: padded } = comparison.worst.lengths.heads;
  return open.has('lengths') && padded.difference <= TOLERANCE ? NOT_ALL : inWords(padded);
}

/** Why no two sequences can share a run, and what an exporter can do about it. */
function withoutBatch({ feeds }: Signature, producer: string): string {
  const baked = feeds.find(({ role, tensor }) => role === 'data' && tensor.dims.slice(0, -1).slice(0, 2).includes(1));
  if (!baked) return 'the graph has no batch axis';
  const { tensor, axes } = baked;
  const shape = tensor.dims.map(dim => dim ?? '?').join(', ');
  const steps = axes.time === null ? undefined : tensor.dims[axes.time];
  const time = typeof steps === 'number' && steps > 1 ? ' and time axis' : '';
  return (
    `the batch of input "${tensor.name}" is fixed to 1 (shape [${shape}]); export it with a dynamic batch axis${time}` +
    freeAxes(producer)
  );
}

function readsPadding({ comparison, signature }: Trials): string {
  const moved = [...comparison.movedByPadding].filter(([, difference]) => !(difference <= TOLERANCE));
  const names = moved
    .map(([name]) => `"${name}"`)
    .join(', ')
    .slice(0, 300);
  return (
    `the graph is told its ${signature.padding}, yet ${names} changes with padding: it probably reads the last step of the ` +
    'padded axis (Y[T-1]); read the state at each length instead (Y_h, or Y gathered at length - 1)'
  );
}

function inWords({ difference, place }: Evidence): string {
  return difference === Infinity ? place : `${place} moves by ${difference.toExponential(1)}`;
}

/** Whether it was shown that padding to a multiple changes nothing, where the manifest asks for it. @throws {LoadError} with the counter-example. */
export function checkPadding({ inputs, feeds }: Signature, certificate: Certificate): void {
  const padded = inputs.find(({ feed }) => feeds[feed].padTo !== undefined);
  if (!padded || paddingIsHarmless(certificate)) return;
  const { counterExample, complete } = certificate;
  const reason = complete ? (counterExample ?? 'it changes the state') : NOT_ALL;
  throw new LoadError('manifest.json', `: time.pad of input "${padded.spec.name}": padding changes answers: ${reason}`);
}

export function paddingIsHarmless({ mixing, state }: Certificate): boolean {
  return mixing === 'classes' && (state ?? { mixing }).mixing === 'classes';
}

/** The mixing that a manifest asks for, if the graph allows it. @throws {LoadError} with the counter-example. */
export function narrowed({ mixing, counterExample, complete }: Certificate, asked: Mixing | undefined): Mixing {
  if (!complete) return narrowest(asked ?? mixing, mixing); // what was not tried yet speaks against nothing
  if (asked === undefined || isWithin(asked, mixing)) return asked ?? mixing;
  throw new LoadError(
    'manifest.json',
    `: limits.mixing says "${asked}", the graph allows "${mixing}": ${counterExample}`,
  );
}
