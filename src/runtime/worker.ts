// Thread entry: one session, one batch at a time, in the order of the messages.
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../core/errors.ts';
import type { FromWorker, SessionOptions, ToWorker } from './messages.ts';
import { pack, unpack } from './packed.ts';
import { openSession, type Session } from './session.ts';

const port = parentPort;
if (!port) throw new Error('worker.ts runs in a worker thread only');

// On Linux priority belongs to the thread: when cores are short, the HTTP thread goes before the arithmetic.
if (process.platform === 'linux') setPriority(0, 5);

const answer = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

async function handle(session: Session, message: ToWorker): Promise<void> {
  if (message.type === 'close') {
    await session.release();
    port?.close();
    return;
  }
  const { id, feeds, fetches } = message;
  try {
    const start = performance.now();
    const outputs = pack(await session.run(unpack(feeds), fetches));
    answer({ type: 'done', id, outputs, runMs: performance.now() - start }, [outputs.bytes]);
  } catch (error) {
    answer({ type: 'failed', id, message: messageOf(error) });
  }
}

try {
  const session = await openSession(workerData as SessionOptions);
  let last = Promise.resolve();
  port.on('message', (message: ToWorker) => {
    last = last.then(() => handle(session, message));
  });
  answer({ type: 'open', facts: session.facts });
} catch (error) {
  answer({ type: 'refused', message: messageOf(error) });
}
