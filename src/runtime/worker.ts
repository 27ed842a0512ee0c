// Thread entry: sessions under numbers, one batch at a time, in the order of the messages.
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../core/errors.ts';
import { standBehind } from '../core/priority.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { pack, unpack } from './packed.ts';
import { RunClock } from './run-clock.ts';
import { openSession, type Session } from './session.ts';

const port = parentPort;
if (!port) throw new Error('worker.ts runs in a worker thread only');

// When cores are short, the HTTP thread goes before the arithmetic.
standBehind();

const sessions = new Map<number, Session>();
const clock = new RunClock();
const answer = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

function run({ session, id, feeds, fetches, expectedMs }: Extract<ToWorker, { type: 'run' }>): void {
  try {
    const startedMs = performance.timeOrigin + performance.now();
    const elapsed = clock.start(expectedMs);
    const outputs = pack((sessions.get(session) as Session).runNow(unpack(feeds), fetches));
    answer({ type: 'done', id, outputs, startedMs, ...elapsed() }, [outputs.bytes]);
  } catch (error) {
    answer({ type: 'failed', id, message: messageOf(error) });
  }
}

async function open({ session, options }: Extract<ToWorker, { type: 'open' }>): Promise<void> {
  try {
    const opened = await openSession(options);
    sessions.set(session, opened);
    answer({ type: 'open', session, facts: opened.facts });
  } catch (error) {
    answer({ type: 'refused', session, message: messageOf(error) });
  }
}

function close({ session }: Extract<ToWorker, { type: 'close' }>): void {
  sessions.get(session)?.release();
  sessions.delete(session);
  answer({ type: 'closed', session });
}

port.on('message', (message: ToWorker) => {
  if (message.type === 'run') run(message);
  else if (message.type === 'open') void open(message);
  else if (message.type === 'close') close(message);
  else port.close();
});
