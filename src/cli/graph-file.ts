// A graph file named on the command line: read, and opened in one worker thread where a command has to run it.

import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config.ts';
import { firstLine, LoadError, messageOf } from '../core/errors.ts';
import type { ProviderChoice } from '../core/providers.ts';
import { type Manifest, readManifest } from '../model/manifest.ts';
import { type Graph, readGraph } from '../model/onnx/graph.ts';
import type { SessionOptions } from '../runtime/messages.ts';
import type { Run } from '../runtime/runner.ts';
import { WorkerPool } from '../runtime/worker-pool.ts';

/** @throws {LoadError} that names the file as it was given. */
export async function readGraphFile(file: string): Promise<Graph> {
  return named(file, () => readGraph(file));
}

/** Says in front of a LoadError which file it is about: inside, a graph is known by its base name. */
export async function named<T>(file: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof LoadError ? error.of(file) : error;
  }
}

/** Opens the graph, lets `action` run it, and closes it again. @throws {LoadError} if the runtime refuses it. */
export async function withSession<T>(
  file: string,
  config: Config,
  provider: ProviderChoice,
  action: (run: Run, session: SessionOptions) => Promise<T>,
): Promise<T> {
  const session: SessionOptions = { graphFile: path.resolve(file), provider, intraOpThreads: config.intraOpThreads };
  return named(file, async () => {
    const pool = await WorkerPool.open({ session, size: 1 });
    const run: Run = async (feeds, fetches) => {
      const { outputs } = await pool.run(feeds, fetches).catch(error => {
        throw new LoadError(firstLine(messageOf(error))); // the runtime's own sentence
      });
      return outputs;
    };
    try {
      return await action(run, session);
    } finally {
      await pool.close();
    }
  });
}

/**
 * The manifest beside the graph file, if there is one; it may have been written for a graph of another name. Digests
 * are for `polyhead check` to compare. @throws {LoadError}
 */
export async function manifestBeside(file: string): Promise<Manifest | undefined> {
  const manifestFile = path.join(path.dirname(file), 'manifest.json');
  return existsSync(manifestFile) ? named(manifestFile, () => readManifest(manifestFile)) : undefined;
}
