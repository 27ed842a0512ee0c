// A graph file named on the command line: read, and opened in one worker thread where a command has to run it.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config.ts';
import { LoadError, messageOf } from '../core/errors.ts';
import { type Graph, readGraph } from '../model/graph.ts';
import { type Manifest, readManifest } from '../model/manifest.ts';
import type { RunFeeds } from '../proof/golden.ts';
import type { ProviderChoice } from '../runtime/messages.ts';
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
    if (!(error instanceof LoadError)) throw error;
    const base = [path.basename(file), 'model.onnx'].find(name => error.message.startsWith(name));
    const rest = base === undefined ? `: ${error.message}` : error.message.slice(base.length);
    throw new LoadError(`${file}${rest.replace(/\s+/g, ' ')}`);
  }
}

/** Opens the graph, lets `action` run it, and closes it again. @throws {LoadError} if the runtime refuses it. */
export async function withSession<T>(
  file: string,
  config: Config,
  provider: ProviderChoice,
  action: (run: RunFeeds) => Promise<T>,
): Promise<T> {
  const session = { graphFile: path.resolve(file), provider, intraOpThreads: config.intraOpThreads };
  return named(file, async () => {
    const pool = await WorkerPool.open({ session, size: 1 });
    const run: RunFeeds = async (feeds, fetches) => {
      const { outputs } = await pool.run(feeds, fetches).catch(error => {
        throw new LoadError(messageOf(error).split('\n')[0]); // the runtime's own sentence
      });
      return outputs;
    };
    try {
      return await action(run);
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
