// A session that also gives values from within its graph: they are named as outputs in a copy of the file, for a trial's time.
import { copyFile, link, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bytesField } from '../core/protobuf.ts';
import type { SessionOptions } from './messages.ts';
import type { Watch } from './runner.ts';
import { openSession } from './session.ts';
import { withGraph } from './with-graph.ts';

/** Opens a graph on the CPU so that it also gives values from within. */
export function watcherOf(
  options: SessionOptions,
  { externalData }: { externalData: readonly { file: string }[] },
): Watch {
  return values =>
    openWatched(
      options,
      externalData.map(({ file }) => file),
      values,
    );
}

async function openWatched(
  options: SessionOptions,
  external: readonly string[],
  values: readonly string[],
): ReturnType<Watch> {
  const folder = await mkdtemp(path.join(tmpdir(), 'polyhead-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const [from, to] = [path.dirname(options.graphFile), folder];
    for (const file of external) await beside(path.join(from, file), path.join(to, file));
    const graphFile = path.join(folder, path.basename(options.graphFile));
    const outputs = values.map(name => bytesField(12, bytesField(1, name)));
    await writeFile(graphFile, withGraph(await readFile(options.graphFile), outputs));
    const session = await openSession({ ...options, graphFile, provider: 'cpu', joined: undefined });
    const release = async () => {
      session.release();
      await remove();
    };
    return { run: session.run, release };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The same file at another place: the runtime follows no symbolic link. */
async function beside(file: string, place: string): Promise<void> {
  await link(file, place).catch(() => copyFile(file, place)); // another disk
}
