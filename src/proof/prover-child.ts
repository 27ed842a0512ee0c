// The process in which graphs are opened and tried first: whatever they do to it, the server goes on.
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { firstLine, LoadError, messageOf } from '../core/errors.ts';
import { standBehind } from '../core/priority.ts';
import { bindSignature } from '../model/bind.ts';
import type { SessionOptions } from '../runtime/messages.ts';
import { openSession, type Session } from '../runtime/session.ts';
import { watcherOf } from '../runtime/watched.ts';
import type { Finding } from './finding.ts';
import { type Prepared, prepare, prove } from './prove.ts';
import type { FromProver, Task } from './prover.ts';
import { openProvider, placementOf } from './provider.ts';
import { heldTo, mostStepsOf, reachIn, toldOf } from './reach.ts';

/** Tries a session once more if its golden answers no longer hold: a fresh one was seen to compute rightly. */
const ATTEMPTS = 2;

async function find({ session: options, workers, runBytes, reach: known, ...candidate }: Task): Promise<Finding> {
  const watch = watcherOf(options, candidate.graph);
  for (let attempt = 1; ; attempt++) {
    const { session, finding } = await openProvider(options, { ...candidate, workers }).catch(error => {
      // The runtime's own sentence, with the file as people know it.
      const line = firstLine(messageOf(error)).replaceAll(options.graphFile, path.basename(options.graphFile));
      throw new LoadError(`the runtime refuses the graph: ${line}`);
    });
    try {
      const { given } = candidate;
      const unused = finding.provider === 'cpu' && !finding.measured ? session : undefined;
      const reaches = (prepared: Prepared, fresh?: Session) =>
        known ?? onFresh(options, fresh, ({ run }) => reachIn(prepared, run, runBytes, process.memoryUsage.rss));
      // What is given is held to it before it is proved, so that no trial goes further.
      const before = given && (await reaches(await prepare(candidate, given), unused));
      const proof = await prove({ ...candidate, given: given && before && heldTo(given, before) }, session.run, watch);
      const reach = before ?? (await reaches(proof));
      const { certificate, signature } = proof;
      const most = mostStepsOf(given ? bindSignature(given, candidate.graph) : signature);
      certificate.warnings.push(...toldOf(reach, most, given !== undefined));
      const placement = await placementOf(options, finding, signature);
      const provider = { ...finding, ...(placement ? { placement } : {}) };
      return { manifest: heldTo(proof.manifest, reach), reach, certificate, provider };
    } catch (error) {
      if (attempt === ATTEMPTS || finding.provider === 'cpu') throw error;
    } finally {
      session.release();
    }
  }
}

/** On a session that has run nothing yet, so that all it takes is seen. */
async function onFresh<T>(
  options: SessionOptions,
  fresh: Session | undefined,
  act: (session: Session) => Promise<T>,
): Promise<T> {
  const session = fresh ?? (await openSession({ ...options, provider: 'cpu' }));
  try {
    return await act(session);
  } finally {
    if (!fresh) session.release();
  }
}

const answer = (message: FromProver) => process.send?.(message);

// A terminal's Ctrl-C and a service manager's stop come to every process of the server, which is the one to end this.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => {});
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
