// The only file that knows onnxruntime. A session blocks its thread while it runs, so sessions live in workers.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import ort from 'onnxruntime-node';
import { messageOf } from '../core/errors.ts';
import type { Tensor, Tensors } from '../core/tensor.ts';
import type { Provider, SessionFacts, SessionOptions } from './messages.ts';

/** Where the runtime looks for CUDA. Asking for CUDA without it makes the runtime shout on standard error. */
const CUDA_LIBRARY = path.join(
  path.dirname(createRequire(import.meta.url).resolve('onnxruntime-node')),
  `../bin/napi-v6/${process.platform}/${process.arch}/libonnxruntime_providers_cuda.so`,
);

export interface Session {
  readonly facts: SessionFacts;
  /** Runs once. The feeds' buffers must not change meanwhile; the outputs' buffers belong to the caller. */
  run(feeds: Tensors, fetches: readonly string[]): Promise<Tensors>;
  release(): Promise<void>;
}

/**
 * Opens a graph by its path (external data is found beside it). `auto` tries CUDA and falls back to CPU, saying why;
 * `cuda` fails where CUDA does not load.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  if (options.provider === 'cpu') return wrap(await create(options, 'cpu'), { provider: 'cpu' });
  if (options.provider === 'cuda') return wrap(await create(options, 'cuda'), { provider: 'cuda' });
  const cuda = existsSync(CUDA_LIBRARY)
    ? await create(options, 'cuda').catch(error => messageOf(error).split('\n')[0])
    : 'the CUDA provider library is not installed';
  if (typeof cuda !== 'string') return wrap(cuda, { provider: 'cuda' });
  return wrap(await create(options, 'cpu'), { provider: 'cpu', fallback: cuda });
}

function create(options: SessionOptions, provider: Provider, profile?: string): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(options.graphFile, {
    executionProviders: provider === 'cuda' ? ['cuda', 'cpu'] : ['cpu'],
    // Parallel execution over several sessions was 29 times slower; parallelism comes from the workers.
    executionMode: 'sequential',
    intraOpNumThreads: options.intraOpThreads,
    interOpNumThreads: 1,
    logSeverityLevel: 4, // what fails is thrown, and told by whoever asked; the runtime would shout it on standard error too
    ...(profile ? { enableProfiling: true, profileFilePrefix: profile } : {}),
  });
}

function wrap(session: ort.InferenceSession, facts: SessionFacts): Session {
  return {
    facts,
    run: (feeds, fetches) => run(session, feeds, fetches),
    release: () => session.release(),
  };
}

async function run(session: ort.InferenceSession, feeds: Tensors, fetches: readonly string[]): Promise<Tensors> {
  const wrapped: Record<string, ort.Tensor> = {};
  for (const name in feeds) {
    const { dtype, data, dims } = feeds[name];
    wrapped[name] = new ort.Tensor(dtype, data as never, dims);
  }
  const results = await session.run(wrapped, fetches);
  const outputs: Tensors = {};
  for (const name of fetches) {
    const { type, dims, data } = results[name];
    outputs[name] = { dtype: type, dims, data: type === 'float16' ? halfBits(data) : data } as Tensor;
  }
  return outputs;
}

/** float16 as raw bits: from Node 24 on, the runtime gives an array of numbers instead. */
function halfBits(data: ort.Tensor['data']): Uint16Array {
  const { buffer, byteOffset, length } = data as Uint16Array;
  return new Uint16Array(buffer, byteOffset, length);
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
    const session = await create(options, provider, path.join(folder, 'profile'));
    await run(session, feeds, fetches);
    session.endProfiling();
    await session.release();
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
