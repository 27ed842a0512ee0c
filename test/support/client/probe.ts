// A thread that asks one address over and over and notes how long each answer took, so that the caller's own load does
// not slow the clock down.
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { send } from './exchange.ts';

const PAUSE_MS = 20;

export interface Probed {
  readonly status: number;
  readonly ms: number;
}

/** Starts asking; `stop` ends it and gives every answer. */
export function probe(origin: string, path: string): { stop(): Promise<Probed[]> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: { origin, path } });
  const answers = new Promise<Probed[]>((resolve, reject) => worker.once('message', resolve).once('error', reject));
  return {
    stop: () => {
      worker.postMessage('stop');
      return answers;
    },
  };
}

if (parentPort) {
  const port = parentPort;
  const { origin, path } = workerData as { origin: string; path: string };
  const answers: Probed[] = [];
  const ask = async () => {
    const start = performance.now();
    const { status } = await send(origin, path);
    answers.push({ status, ms: performance.now() - start });
    next = setTimeout(ask, PAUSE_MS);
  };
  let next = setTimeout(ask, 0);
  port.once('message', () => {
    clearTimeout(next);
    port.postMessage(answers);
  });
}
