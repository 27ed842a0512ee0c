// The real worker thread behind a gate: tests tell it over a BroadcastChannel to hold its runs, to take long, to fail or
// to die, and hear of every run it starts.
import { BroadcastChannel, parentPort } from 'node:worker_threads';
import type { FromWorker, ToWorker } from '../../../src/runtime/messages.ts';
import { unpack } from '../../../src/runtime/packed.ts';
import { CHANNEL, type Message, type Order } from './gate.ts';

/** What a runtime's error may hold, and a caller must never read. */
const SECRET = 'Non-zero status code at /build/onnxruntime/core/session.cc:42';

const port = parentPort;
if (!port) throw new Error('gated-worker.ts runs in a worker thread only');

const channel = new BroadcastChannel(CHANNEL);
channel.unref();
const tell = (message: Message) => channel.postMessage(message);

let order: Order = { type: process.env.TEST_FIRST_ORDER === 'crash' ? 'crash' : 'pass' };
let held: (() => void)[] = [];
channel.onmessage = event => {
  const message = (event as { data: Message }).data;
  if (message.type !== 'order') return;
  order = message.order;
  if (order.type !== 'hold') {
    for (const go of held) go();
    held = [];
  }
  tell({ type: 'obeyed', number: message.number });
};

let answered = () => {};
const post = port.postMessage.bind(port);
port.postMessage = (message, transfer) => {
  post(message, transfer as ArrayBuffer[]);
  if (/^(done|failed)$/.test((message as FromWorker).type)) answered();
};

async function pass(message: ToWorker, listener: (message: ToWorker) => void): Promise<void> {
  if (message.type !== 'run') return listener(message);
  const [first] = Object.values(unpack(message.feeds));
  tell({ type: 'run', rows: first.dims[0] });
  if (order.type === 'hold') await new Promise<void>(resolve => held.push(resolve));
  if (order.type === 'block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, order.ms);
  if (order.type === 'crash') throw new Error(SECRET);
  if (order.type === 'fail') {
    post({ type: 'failed', id: message.id, message: SECRET } satisfies FromWorker);
    return;
  }
  const answer = new Promise<void>(resolve => {
    answered = resolve;
  });
  listener(message);
  await answer; // a blocked thread must not keep back the answer of the run before
}

const on = port.on.bind(port);
port.on = ((event: string, listener: (message: ToWorker) => void) => {
  let last = Promise.resolve();
  return on(event as 'message', (message: ToWorker) => {
    last = last.then(() => pass(message, listener));
  });
}) as typeof port.on;
await import('../../../src/runtime/worker.ts');
