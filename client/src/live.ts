// A live connection: one WebSocket, whose steps are sent ahead and answered in order; when the server ends, it goes on elsewhere.
import { Problem, type ProblemCode } from './problem.ts';
import type { Detail, HeadNames, ModelTypes, Prediction } from './shapes.ts';
import { type Transport, waitBefore } from './transport.ts';

export interface LiveOptions<H extends string = string, D extends Detail | undefined = undefined> {
  /** The heads wanted in every answer; all if left out. */
  readonly heads?: readonly H[];
  readonly probabilities?: D;
  /** A state token to go on from. */
  readonly state?: string | null;
  /** Most steps sent ahead of their answers by `steps`; 16 if left out. */
  readonly ahead?: number;
}

/** What of WebSocket is used: the browser's, Node's from version 22 on, or that of the package ws. */
export interface Socket {
  binaryType: string;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
  addEventListener(type: string, listener: (event: never) => void): void;
}
export type SocketClass = new (url: string) => Socket;

interface Step {
  readonly data: string | Uint8Array<ArrayBuffer>;
  resolve(answer: never): void;
  reject(error: unknown): void;
}
interface Message {
  readonly open?: object;
  readonly prediction?: unknown;
  readonly length?: number;
  readonly close?: { readonly state: string | null };
  readonly error?: { code: ProblemCode; detail: string; status: number; requestId: string; errors: [] };
}

const AHEAD = 16;
const RESTART = 1012;
const RECONNECTS = 12;

export class Live<M extends ModelTypes, H extends HeadNames<M> = HeadNames<M>, D = undefined> {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #options: LiveOptions<string, Detail | undefined>;
  /** Sent or still to be sent, and not answered. */
  readonly #waiting: Step[] = [];
  #socket: Socket | undefined;
  #state: string | null;
  #length = 0;
  #ended: Problem | undefined;

  private constructor(transport: Transport, path: string, options: LiveOptions<string, Detail | undefined>) {
    this.#transport = transport;
    this.#path = path;
    this.#options = options;
    this.#state = options.state ?? null;
  }

  /** @throws {Problem} UNREACHABLE, UNAUTHENTICATED, INVALID_STATE and others that the server tells. */
  static async open<M extends ModelTypes, H extends HeadNames<M>, D extends Detail | undefined>(
    transport: Transport,
    path: string,
    options: LiveOptions<H, D>,
  ): Promise<Live<M, H, D>> {
    const live = new Live<M, H, D>(transport, path, options);
    await live.#connect();
    return live;
  }

  /** Time steps of this connection so far, other servers' included. */
  get length(): number {
    return this.#length;
  }

  /** The answer for the next time steps; float32 frames, [step][feature] in one array, are sent as bytes. */
  step(sequence: M['sequence'] | Float32Array<ArrayBuffer>): Promise<Prediction<M, H, D>> {
    const data =
      sequence instanceof Float32Array
        ? new Uint8Array(sequence.buffer, sequence.byteOffset, sequence.byteLength)
        : JSON.stringify({ sequence });
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#waiting.push({ data, resolve, reject });
      this.#socket?.send(data); // between two servers it is sent with the others that wait
    });
  }

  /** Sends steps ahead of their answers. */
  async *steps(source: Iterable<M['sequence']> | AsyncIterable<M['sequence']>): AsyncGenerator<Prediction<M, H, D>> {
    const { ahead = AHEAD } = this.#options;
    const sent: Promise<Prediction<M, H, D>>[] = [];
    for await (const sequence of source) {
      const answer = this.step(sequence);
      answer.catch(() => {}); // told in its turn
      sent.push(answer);
      if (sent.length >= ahead) yield await (sent.shift() as (typeof sent)[0]);
    }
    for (const answer of sent) yield await answer;
  }

  close(): void {
    this.#end(new Problem('UNREACHABLE', 'the connection was closed'));
    this.#socket?.close();
  }

  /** Connects, says who calls and where to go on from, and sends what waits. */
  #connect(): Promise<void> {
    const { apiKey, WebSocket = (globalThis as { WebSocket?: SocketClass }).WebSocket } = this.#transport.options;
    if (!WebSocket) throw new Error('there is no WebSocket here: give connect() one, such as that of the package ws');
    const socket = new WebSocket(`${this.#transport.url.replace(/^http/, 'ws')}${this.#path}/live`);
    socket.binaryType = 'arraybuffer';
    const { heads, probabilities } = this.#options;
    return new Promise((resolve, reject) => {
      let opened = false;
      let refusal: Problem | undefined;
      socket.addEventListener('open', () => {
        socket.send(JSON.stringify({ open: { key: apiKey, state: this.#state, heads, probabilities } }));
      });
      socket.addEventListener('error', () => {}); // 'close' follows
      socket.addEventListener('message', ({ data }: { data: string }) => {
        const message: Message = JSON.parse(data);
        if (opened) return this.#take(message);
        if (message.error) refusal = problemOf(message.error);
        if (!message.open) return;
        opened = true;
        this.#socket = socket;
        for (const step of this.#waiting) socket.send(step.data);
        resolve();
      });
      socket.addEventListener('close', ({ code }: { code: number }) => {
        if (opened) this.#closed(code);
        else reject(refusal ?? new Problem('UNREACHABLE', `${this.#transport.url} cannot be reached`));
      });
    });
  }

  #take({ prediction, length, close, error }: Message): void {
    if (close) {
      this.#state = close.state ?? this.#state;
      return;
    }
    const step = this.#waiting.shift();
    if (error) step?.reject(problemOf(error));
    else {
      this.#length += (prediction as { length: number } | undefined)?.length ?? length ?? 0;
      step?.resolve(prediction as never);
    }
  }

  #closed(code: number): void {
    this.#socket = undefined;
    if (this.#ended) return;
    if (code === RESTART) void this.#goOn();
    else this.#end(new Problem('UNREACHABLE', `the connection ended (${code})`));
  }

  /** At another server, or at this one once it is back. */
  async #goOn(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#connect();
        if (this.#ended) (this.#socket as Socket | undefined)?.close();
        return;
      } catch (error) {
        const problem = error as Problem;
        if (problem.code !== 'UNREACHABLE' || attempt >= RECONNECTS || this.#ended) return this.#end(problem);
        await new Promise(resolve => setTimeout(resolve, waitBefore(attempt, undefined)));
      }
    }
  }

  #end(problem: Problem): void {
    this.#ended ??= problem;
    for (const { reject } of this.#waiting.splice(0)) reject(problem);
  }
}

function problemOf({ code, detail, ...rest }: NonNullable<Message['error']>): Problem {
  return new Problem(code, detail, rest);
}
