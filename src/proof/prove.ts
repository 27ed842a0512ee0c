// Everything that must hold before a model may answer, in order: for the server, `polyhead check` and `polyhead certify`.
// It knows the model only as a function that runs it.
import { firstLine, LoadError, messageOf } from '../core/errors.ts';
import { bindSignature } from '../model/bind.ts';
import type { Manifest } from '../model/manifest.ts';
import { type Mixing, narrowest } from '../model/mixing.ts';
import { type Graph, sizeOf } from '../model/onnx/graph.ts';
import { padsToMultiples } from '../model/pad.ts';
import type { Shown } from '../model/shown.ts';
import type { Signature } from '../model/signature.ts';
import { heldToTables } from '../model/tables.ts';
import type { Declared } from '../model/triton.ts';
import type { Run, Watch } from '../runtime/runner.ts';
import { answerDecoder } from '../sequence/calibrate.ts';
import type { HeadDecoder } from '../sequence/heads.ts';
import { type Sequence, type SequenceParser, sequenceParser } from '../sequence/sequence.ts';
import type { Certificate } from './certificate.ts';
import { certify, checkPadding, narrowed, paddingIsHarmless } from './certify.ts';
import { answer } from './comparison.ts';
import { deadSigns } from './dead.ts';
import { inferManifest } from './discovery/manifest.ts';
import { type Example, examplesIn, readExample } from './example.ts';
import { checkGolden, type Golden, type GoldenCheck, readGolden, sequenceIn } from './golden.ts';
import { checkMissing } from './missing.ts';
import type { Limits } from './trials.ts';
import { warmUp } from './warm-up.ts';

/** What is to be proved: a graph, what stands beside it, and the most that a run may hold. */
export interface Candidate {
  readonly folder: string;
  readonly graph: Graph;
  /** The version's own manifest; without one, axes and roles are found out by experiment. */
  readonly given?: Manifest;
  /** What a configuration beside it declares; the rest is found out. */
  readonly declared?: Declared;
  /** What the files beside it show of its inputs, where there is no manifest. */
  readonly shown?: readonly Shown[];
  readonly limits: Limits;
  /** Whether a large graph is tried in full, however long that takes. */
  readonly thorough?: boolean;
}

/** What is known of a model by reading alone. */
export interface Prepared {
  readonly manifest: Manifest;
  readonly signature: Signature;
  readonly limits: Limits;
  readonly goldenCases?: Golden;
  /** A request body that succeeds as it stands. */
  readonly example: Example;
  readonly parse: SequenceParser;
  readonly decoders: readonly HeadDecoder[];
}

export interface Proof extends Prepared {
  readonly certificate: Certificate;
  /** What the batcher may do: the certificate's mixing, or less if the manifest asks for less. */
  readonly mixing: Mixing;
  /** The same for requests that want the state outputs. */
  readonly stateMixing: Mixing;
  readonly golden?: GoldenCheck;
}

/** Steps after which the others can still be taken. */
export type Step = 'example' | 'golden' | 'mixing' | 'full batch';
type Tried = <T>(step: Step, act: () => T | Promise<T>) => Promise<T | undefined>;
const strictly: Tried = async (_, act) => act();

/**
 * Takes every step in order. `refuse` hears of a step that fails although the next ones can be taken; if it returns, the
 * proof goes on without that step.
 * @throws {LoadError} at the first step that fails, unless `refuse` hears of it.
 */
export async function prove(
  candidate: Candidate,
  run: Run,
  watch: Watch,
  refuse: (fault: LoadError, step: Step) => void = fault => {
    throw fault;
  },
): Promise<Proof> {
  const tried: Tried = async (step, act) => {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      refuse(error, step);
      return undefined;
    }
  };
  const { graph, given } = candidate;
  const manifest = given ?? heldToTables(await inferManifest(graph, run, candidate), graph);
  const read = await prepare(candidate, manifest, tried);
  await checkMissing(read.signature, graph, run, watch);
  await tried('example', () => runAlone(read.signature, firstSamples(read), run));
  await warmUp(read.signature, SMALL, read.decoders, run);
  const { goldenCases } = read;
  let golden = goldenCases && (await tried('golden', () => checkGolden(goldenCases, run)));
  const unpadded = await certificateOf(candidate, read, run);
  checkPadding(read.signature, unpadded);
  const padded = given ? undefined : await paddedToo(candidate, manifest, unpadded, run);
  const { prepared, certificate } = padded ?? { prepared: read, certificate: unpadded };
  const { signature, limits, decoders } = prepared;
  certificate.warnings.push(...graph.unserved);
  certificate.warnings.push(...(await deadSigns(signature, run, { known: graph, writers: graph.writers })));
  const mixing = (await tried('mixing', () => narrowed(certificate, manifest.limits.mixing))) ?? certificate.mixing;
  if (mixing !== 'alone') await tried('full batch', () => warmUp(signature, limits, decoders, run));
  // Once more: a session was seen to compute in a coarser mode after many shapes.
  if (golden && goldenCases) golden = await tried('golden', () => checkGolden(goldenCases, run));
  return { ...prepared, certificate, mixing, stateMixing: stateMixing(certificate, mixing), golden };
}

function certificateOf({ graph, thorough }: Candidate, prepared: Prepared, run: Run): Promise<Certificate> {
  const { signature, limits, goldenCases } = prepared;
  const sequences = goldenCases?.cases.flatMap(({ sequence }) => (sequence ? [sequence] : [])) ?? [];
  const first = firstSamples(prepared);
  const known = { first, graphBytes: sizeOf(graph), reading: graph, producer: graph.producer, thorough };
  return certify(signature, sequences, { ...limits, ...known }, run);
}

/**
 * The same graph with sequences padded to the multiples of steps that it was found to take; undefined where there are none,
 * or padding is not harmless. Only graphs that padding by whole multiples leaves alone are tried once more.
 */
async function paddedToo(
  candidate: Candidate,
  manifest: Manifest,
  unpadded: Certificate,
  run: Run,
): Promise<{ prepared: Prepared; certificate: Certificate } | undefined> {
  const asked = padsToMultiples(manifest);
  if (!asked || !paddingIsHarmless(unpadded)) return undefined;
  const prepared = await prepare(candidate, asked, strictly);
  const certificate = await certificateOf(candidate, prepared, run);
  return paddingIsHarmless(certificate) ? { prepared, certificate } : undefined;
}

/** What callers are known to send: the examples, and what golden answers were given for. */
function firstSamples({ signature, example, parse, goldenCases }: Prepared): Sequence[] {
  const examples = example.sequences.slice(0, MOST_FIRST).map((sequence, i) => parse(sequence, ['sequences', i]));
  const golden = goldenCases?.cases.flatMap(({ feeds }) => sequenceIn(signature, feeds) ?? []) ?? [];
  return [...examples, ...golden.slice(0, MOST_FIRST)];
}

const MOST_FIRST = 4;

/** @throws {LoadError} if the graph refuses one of them. */
async function runAlone(signature: Signature, sequences: readonly Sequence[], run: Run): Promise<void> {
  for (const sequence of sequences) {
    await answer(signature, run, [sequence], signature.fetches).catch(error => {
      const cause = error instanceof Error && error.cause ? error.cause : error;
      throw new LoadError(`the graph refuses what is given as an example of its input: ${firstLine(messageOf(cause))}`);
    });
  }
}

/** The proof again from what it found out, without running anything; `golden` is for the caller to check. @throws {LoadError} */
export async function recall(
  candidate: Candidate,
  { manifest, certificate }: { manifest: Manifest; certificate: Certificate },
): Promise<Proof> {
  const prepared = await prepare(candidate, manifest);
  checkPadding(prepared.signature, certificate);
  const mixing = narrowed(certificate, manifest.limits.mixing);
  return { ...prepared, certificate, mixing, stateMixing: stateMixing(certificate, mixing) };
}

/** What every session does before it serves: run, and answer as the training framework did. @throws {LoadError} */
export async function recheck(
  { signature, decoders, goldenCases }: Prepared,
  run: Run,
): Promise<GoldenCheck | undefined> {
  await warmUp(signature, SMALL, decoders, run);
  return goldenCases && checkGolden(goldenCases, run);
}

const SMALL: Limits = { batchSize: 1, paddedSteps: 8 };

/** What is known by reading alone. @throws {LoadError} where that does not fit together. */
export async function prepare(
  { folder, graph, limits: most }: Candidate,
  manifest: Manifest,
  tried: Tried = strictly,
): Promise<Prepared> {
  const signature = bindSignature(manifest, graph);
  const given = examplesIn(signature);
  const parse = sequenceParser(signature);
  const decoders = signature.heads.map(head => answerDecoder(head));
  const example = (await tried('example', () => readExample(folder, signature, given, parse))) ?? { sequences: [] };
  const goldenCases = await tried('golden', () => readGolden(folder, signature, graph));
  return { manifest, signature, limits: lesser(most, manifest.limits), goldenCases, example, parse, decoders };
}

function stateMixing({ state }: Certificate, mixing: Mixing): Mixing {
  return narrowest(mixing, state?.mixing ?? mixing);
}

function lesser(most: Limits, { batchSize, paddedSteps }: Partial<Limits>): Limits {
  return {
    batchSize: Math.min(most.batchSize, batchSize ?? most.batchSize),
    paddedSteps: Math.min(most.paddedSteps, paddedSteps ?? most.paddedSteps),
  };
}
