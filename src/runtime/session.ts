// A session: opened on the provider that is asked for, with what the processor needs for exact sums, and its faults in the
// runtime's own words. It holds its thread while it runs, so long runs live in workers.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../core/errors.ts';
import type { Provider } from '../core/providers.ts';
import type { Tensors } from '../core/tensor.ts';
import { cudaFault } from './cuda-fault.ts';
import { Joiner, withJoined } from './joined.ts';
import type { SessionFacts, SessionOptions } from './messages.ts';
import { cudaInstalled, type NativeOptions, NativeSession } from './native.ts';
import { runtimeReason } from './reason.ts';

export interface Session {
  readonly facts: SessionFacts;
  /** Runs now. The outputs' buffers belong to the caller. @throws {Error} one readable line. */
  runNow(feeds: Tensors, fetches: readonly string[]): Tensors;
  /** Runs in the next turn of the event loop, so that runs in a row let others in between. */
  run(feeds: Tensors, fetches: readonly string[]): Promise<Tensors>;
  release(): void;
}

/**
 * Opens a graph by its path (external data is found beside it). `auto` tries CUDA and falls back to CPU, saying why;
 * `cuda` fails where CUDA does not load.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  if (options.provider === 'cpu') return openOnCpu(options);
  if (options.provider === 'cuda') return wrap(await createCuda(options), { provider: 'cuda' }, options);
  const cuda = cudaInstalled()
    ? await createCuda(options).catch(messageOf)
    : 'the CUDA provider library is not installed';
  if (typeof cuda !== 'string') return wrap(cuda, { provider: 'cuda' }, options);
  return wrap(await create(options, 'cpu'), { provider: 'cpu', fallback: cuda }, options);
}

/** With outputs joined, if some are to be; a graph that does not take that is opened as it is. */
async function openOnCpu(options: SessionOptions): Promise<Session> {
  const { joined = [], graphFile } = options;
  const facts = { provider: 'cpu' } as const;
  if (joined.length === 0) return wrap(await create(options, 'cpu'), facts, options);
  try {
    const graph = withJoined(await readFile(graphFile), joined);
    return wrap(await create(options, 'cpu', { graph }), facts, options, new Joiner(joined));
  } catch {
    return wrap(await create(options, 'cpu'), facts, options);
  }
}

/** @throws {Error} one readable line. */
async function createCuda(options: SessionOptions): Promise<NativeSession> {
  if (!cudaInstalled()) throw new Error('the CUDA provider library is not installed');
  return create(options, 'cuda').catch(error => {
    throw new Error(cudaFault(messageOf(error)), { cause: error });
  });
}

/** `graph`: its bytes, where they are not as they are on disk; `profile`: where to write one. */
async function create(
  options: SessionOptions,
  provider: Provider,
  { graph, profile }: { readonly graph?: Uint8Array; readonly profile?: string } = {},
): Promise<NativeSession> {
  const settings: NativeOptions = {
    executionProviders: provider === 'cuda' ? [{ name: 'cuda', deviceId: options.deviceId ?? 0 }, 'cpu'] : ['cpu'],
    // Parallel execution over several sessions was 29 times slower; parallelism comes from the workers.
    executionMode: 'sequential',
    intraOpNumThreads: options.intraOpThreads,
    interOpNumThreads: 1,
    // Exact sums of 8-bit products, at a cost in time that is paid only where they would be wrong.
    ...(sumsSaturate() ? { extra: { session: { x64quantprecision: '1' } } } : {}),
    logSeverityLevel: 4, // what fails is thrown, and told by whoever asked; the runtime would shout it on standard error too
    ...(profile ? { enableProfiling: true, profileFilePrefix: profile } : {}),
  };
  await nextTurn(); // opening several in a row lets others in between
  try {
    return new NativeSession(graph ?? options.graphFile, settings);
  } catch (error) {
    throw provider === 'cuda' ? error : told(error, options.graphFile); // CUDA's faults have their own words
  }
}

/** y = a b, MatMulInteger of a: uint8 [1, 2] and b: int8 [[127], [127]], as an ONNX file. */
const EIGHT_BIT_PRODUCT = Buffer.from(
  'CAgSADpWChgKAWEKAWISAXkiDU1hdE11bEludGVnZXISAWcqDQgCCAEQA0IBYkoCf39aEwoBYRIOCgwIAhIICgIIAQoCCAJiEwoBeRIOCgwIBhIICgIIAQoCCAFCBAoAEA0=',
  'base64',
);
let saturates: boolean | undefined;

/**
 * Whether this processor adds products of unsigned activations and signed weights in 16 bits, which saturate: x86 with
 * AVX2 but no VNNI does. Found out by running one such sum, once a thread.
 */
function sumsSaturate(): boolean {
  if (saturates !== undefined) return saturates;
  const settings = { executionProviders: ['cpu'], intraOpNumThreads: 1, logSeverityLevel: 4 } as const;
  const session = new NativeSession(EIGHT_BIT_PRODUCT, settings);
  const a = { dtype: 'uint8', data: Uint8Array.of(255, 255), dims: [1, 2] } as const;
  const { y } = session.run({ a }, ['y']);
  session.release();
  saturates = Number(y.data[0]) !== 2 * 255 * 127;
  return saturates;
}

/** The runtime's own words in one line. */
function told(error: unknown, graphFile: string): Error {
  return new Error(runtimeReason(messageOf(error), graphFile), { cause: error });
}

function wrap(session: NativeSession, facts: SessionFacts, { graphFile }: SessionOptions, joiner?: Joiner): Session {
  const runNow = (feeds: Tensors, fetches: readonly string[]) => {
    try {
      return joiner ? joiner.run(fetches, names => session.run(feeds, names)) : session.run(feeds, fetches);
    } catch (error) {
      throw told(error, graphFile);
    }
  };
  const run = async (feeds: Tensors, fetches: readonly string[]) => {
    await nextTurn();
    return runNow(feeds, fetches);
  };
  return { facts, run, runNow, release: () => session.release() };
}

/**
 * Where the nodes of a graph really ran, by execution provider, as the runtime's own profile of one run tells.
 * A session that names CUDA may still have left single nodes on the CPU.
 */
export async function placement(
  options: SessionOptions,
  provider: Provider,
  feeds: Tensors,
  fetches: readonly string[],
): Promise<Record<string, number>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'polyhead-'));
  try {
    const session = await create(options, provider, { profile: path.join(folder, 'profile') });
    session.run(feeds, fetches);
    session.endProfiling();
    session.release();
    const [file] = await readdir(folder);
    const events: { args?: { provider?: string } }[] = JSON.parse(await readFile(path.join(folder, file), 'utf8'));
    const counts: Record<string, number> = {};
    for (const { args } of events) {
      if (args?.provider) counts[args.provider] = (counts[args.provider] ?? 0) + 1;
    }
    return counts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
