// The test's side of gated-worker.ts: gives orders, waits until they are obeyed, and counts the runs that start.
import { BroadcastChannel } from 'node:worker_threads';
import { until } from './until.ts';

export const CHANNEL = 'polyhead-gate';
export const GATED_WORKER = new URL('./gated-worker.js', import.meta.url);

/** From now on runs pass, wait, block their thread first, kill the worker, or fail. */
export type Order =
  | { readonly type: 'pass' | 'hold' | 'crash' | 'fail' }
  | { readonly type: 'block'; readonly ms: number };
/** What goes over the channel: orders one way, reports the other. */
export type Message =
  | { readonly type: 'order'; readonly order: Order; readonly number: number }
  | { readonly type: 'obeyed'; readonly number: number }
  | { readonly type: 'run'; readonly rows: number };

export class Gate {
  /** The rows of every run that started since the last order, in order. */
  runs: number[] = [];
  #obeyed = 0;
  /** Of the last order: who obeys an earlier one so late does not count. */
  #number = 0;
  readonly #channel = new BroadcastChannel(CHANNEL);

  constructor() {
    this.#channel.unref();
    this.#channel.onmessage = event => {
      const message = (event as { data: Message }).data;
      if (message.type === 'run') this.runs.push(message.rows);
      else if (message.type === 'obeyed' && message.number === this.#number) this.#obeyed++;
    };
  }

  /** Gives an order to every worker and waits until `workers` of them obey; runs that were held go on unless held again. */
  async order(order: Order, workers = 1): Promise<void> {
    this.#obeyed = 0;
    this.runs = [];
    this.#channel.postMessage({ type: 'order', order, number: ++this.#number } satisfies Message);
    await until(`${workers} workers ${order.type}`, () => this.#obeyed >= workers);
  }

  /** Waits until this many runs have started since the last order. */
  async started(count: number): Promise<void> {
    await until(`${count} runs start`, () => this.runs.length >= count);
  }
}
