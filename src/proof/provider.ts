// Where a graph runs: as asked, or under `auto` where it was measured to be faster.
import { messageOf } from '../core/errors.ts';
import { bindSignature } from '../model/bind.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Graph } from '../model/onnx/graph.ts';
import type { Signature } from '../model/signature.ts';
import type { SessionOptions } from '../runtime/messages.ts';
import { cudaInstalled } from '../runtime/native.ts';
import type { Run } from '../runtime/runner.ts';
import { openSession, placement, type Session } from '../runtime/session.ts';
import { collate } from '../sequence/collate.ts';
import { type Found, inferManifest } from './discovery/manifest.ts';
import type { ProviderFinding } from './finding.ts';
import { randomNumbers, randomSequence } from './samples.ts';
import type { Limits } from './trials.ts';

/** Runs that are timed at each size, after one that is not; the fastest counts. */
const TRIES = 3;
/** A run longer than this is timed once. */
const LONG_MS = 500;

export interface Opened {
  readonly session: Session;
  readonly finding: ProviderFinding;
}

/** How long one sequence and a full batch take. */
interface Times {
  readonly lone: number;
  readonly full: number;
}

/** Opens the graph where it shall run; `workers` is how many CPU threads would share the work. */
export async function openProvider(
  options: SessionOptions,
  {
    graph,
    given,
    limits,
    workers,
    ...beside
  }: Found & { graph: Graph; given?: Manifest; limits: Limits; workers: number },
): Promise<Opened> {
  const open = async (provider: 'cpu' | 'cuda') => openSession({ ...options, provider });
  if (options.provider !== 'auto') {
    const session = await open(options.provider);
    return { session, finding: { provider: options.provider } };
  }
  const cpu = await open('cpu'); // first: what the CPU refuses is the graph's fault
  if (!cudaInstalled()) {
    return { session: cpu, finding: { provider: 'cpu', fallback: 'the CUDA provider library is not installed' } };
  }
  const cuda = await open('cuda').catch(messageOf);
  if (typeof cuda === 'string') return { session: cpu, finding: { provider: 'cpu', fallback: cuda, broken: true } };
  try {
    const manifest = given ?? (await inferManifest(graph, cpu.run, beside));
    const signature = bindSignature(manifest, graph);
    const measured = { cpu: await times(signature, limits, cpu.run), cuda: await times(signature, limits, cuda.run) };
    const provider = faster(measured, workers);
    (provider === 'cpu' ? cuda : cpu).release();
    return { session: provider === 'cpu' ? cpu : cuda, finding: { provider, measured } };
  } catch (error) {
    cuda.release();
    const fallback = `the graph does not run on CUDA: ${messageOf(error)}`;
    return { session: cpu, finding: { provider: 'cpu', fallback, broken: true } };
  }
}

/**
 * CUDA where it answers full batches sooner than all CPU workers together, and gains more there than it loses on a lone
 * sequence: a run on a GPU costs most of a millisecond however small it is.
 */
export function faster({ cpu, cuda }: { cpu: Times; cuda: Times }, workers: number): 'cpu' | 'cuda' {
  const full = cpu.full / workers / cuda.full;
  const lone = cpu.lone / cuda.lone;
  return full > 1 && full * lone > 1 ? 'cuda' : 'cpu';
}

async function times(signature: Signature, { batchSize, paddedSteps }: Limits, run: Run): Promise<Times> {
  const random = randomNumbers(8);
  const steps = Math.max(1, Math.floor(paddedSteps / batchSize));
  const batch = Array.from({ length: batchSize }, () => randomSequence(signature, steps, random));
  const time = async (sequences: typeof batch) => {
    const feeds = collate(signature, sequences);
    let best = Infinity;
    for (let i = 0; i <= TRIES; i++) {
      const start = performance.now();
      await run(feeds, signature.fetches);
      const ms = performance.now() - start;
      if (i > 0) best = Math.min(best, ms); // the first run sizes the arena and picks the kernels
      if (i > 0 && ms > LONG_MS) break;
    }
    return best;
  };
  return { lone: await time(batch.slice(0, 1)), full: await time(batch) };
}

/** Where the nodes ran, if any ran on CUDA. */
export async function placementOf(
  options: SessionOptions,
  { provider }: ProviderFinding,
  signature: Signature,
): Promise<Record<string, number> | undefined> {
  if (provider !== 'cuda') return undefined;
  const sample = collate(signature, [randomSequence(signature, 8, randomNumbers(2))]);
  return placement(options, 'cuda', sample, signature.fetches);
}
