// The process in which graphs are opened and tried first: whatever they do to it, the server goes on.
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { firstLine, LoadError, messageOf } from '../core/errors.ts';
import { standBehind } from '../core/priority.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Signature } from '../model/signature.ts';
import type { SessionOptions } from '../runtime/messages.ts';
import { openSession } from '../runtime/session.ts';
import { watcherOf } from '../runtime/watched.ts';
import type { Certificate } from './certificate.ts';
import type { Finding } from './finding.ts';
import { prove } from './prove.ts';
import type { FromProver, Task } from './prover.ts';
import { openProvider, placementOf } from './provider.ts';
import { heldTo, mostStepsOf, reachOf } from './reach.ts';

/** Tries a session once more if its golden answers no longer hold: a fresh one was seen to compute rightly. */
const ATTEMPTS = 2;

async function find({ session: options, workers, runBytes, ...candidate }: Task): Promise<Finding> {
  const watch = watcherOf(options, candidate.graph);
  for (let attempt = 1; ; attempt++) {
    const { session, finding } = await openProvider(options, { ...candidate, workers }).catch(error => {
      // The runtime's own sentence, with the file as people know it.
      const line = firstLine(messageOf(error)).replaceAll(options.graphFile, path.basename(options.graphFile));
      throw new LoadError(`the runtime refuses the graph: ${line}`);
    });
    try {
      const { manifest: found, signature, certificate } = await prove(candidate, session.run, watch);
      const manifest = candidate.given
        ? found
        : await withinReach({ found, signature, certificate }, options, runBytes);
      const placement = await placementOf(options, finding, signature);
      return { manifest, certificate, provider: { ...finding, ...(placement ? { placement } : {}) } };
    } catch (error) {
      if (attempt === ATTEMPTS || finding.provider === 'cpu') throw error;
    } finally {
      session.release();
    }
  }
}

/** On a session that has run nothing yet, so that all it takes is seen. */
async function withinReach(
  { found, signature, certificate }: { found: Manifest; signature: Signature; certificate: Certificate },
  options: SessionOptions,
  mostBytes: number,
): Promise<Manifest> {
  const most = mostStepsOf(signature);
  const session = await openSession({ ...options, provider: 'cpu' });
  try {
    const { steps, why } = await reachOf(signature, session.run, { most, mostBytes }, process.memoryUsage.rss);
    if (why === undefined) return found;
    certificate.warnings.push(`sequences may have ${steps} time steps: ${why}`);
    return heldTo(found, steps);
  } finally {
    session.release();
  }
}

const answer = (message: FromProver) => process.send?.(message);

standBehind(); // the server's own threads go before
process.on('message', async (task: Task) => {
  try {
    answer({ type: 'proved', finding: await find(task) });
  } catch (error) {
    const expected = error instanceof LoadError;
    const { file, what } = expected ? error : { file: undefined, what: messageOf(error) };
    answer({ type: 'refused', file, what, expected });
  }
});
// A run blocks this thread, so another one looks whether the server is still there.
new Worker(`setInterval(() => process.ppid === ${process.ppid} || process.kill(process.pid, 'SIGKILL'), 1000)`, {
  eval: true,
  resourceLimits: { maxOldGenerationSizeMb: 8 },
});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
