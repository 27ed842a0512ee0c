// One live connection: messages wait in order, one step runs at a time, and where too many wait the socket is not read.
import type { WebSocket } from 'ws';
import type { z } from 'zod';
import { ServiceError } from '../../core/errors.ts';
import type { Trace } from '../../core/trace.ts';
import type { Service } from '../../service/service.ts';
import type { Session } from '../../service/session.ts';
import { tooMuchUnread } from '../answers.ts';
import { encodeOneWithin } from '../codec/large.ts';
import { logFault, problem, STATUS, translate } from '../errors.ts';
import type { ApiKey } from '../keys.ts';
import { CLOSE, openMessage, parseMessage, stepOf } from './messages.ts';

export interface LiveOptions {
  readonly requestTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly liveWaiting: number;
  readonly livePingMs: number;
  readonly liveIdleTimeoutS: number;
  readonly maxAnswerBytes: number;
}

export interface LiveTarget {
  readonly model: string;
  readonly version?: string;
  readonly requestId: string;
  /** Of the upgrade: they may name the caller's trace, in which every step is a span. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly ip: string;
  /** The key that came with the upgrade. */
  readonly apiKey?: ApiKey;
  /** Where one is needed that did not come: finds that of the first message. */
  readonly keyOf?: (secret: string) => ApiKey | undefined;
}

/** Answers the socket may hold back before the next step waits for its reader. */
const MOST_UNREAD_BYTES = 1 << 20;

type Message = { readonly data: Buffer; readonly binary: boolean };
type Told = z.infer<typeof openMessage>['open']['probabilities'];

export class LiveConnection {
  readonly #socket: WebSocket;
  readonly #service: Service;
  readonly #target: LiveTarget;
  readonly #options: LiveOptions;
  readonly #waiting: Message[] = [];
  #session: Session | undefined;
  #apiKey: ApiKey | undefined;
  #probabilities: Told;
  /** The step under way, or the last one. */
  #running: Promise<void> = Promise.resolve();
  #busy = false;
  #ending = false;
  /** What to do if the caller leaves while a step runs; one step runs at a time, so one act is enough. */
  #abandon: () => void = () => {};
  #answersPing = true;
  /** What it had not read when it was last asked. */
  #unread = 0;
  #idle: NodeJS.Timeout;
  readonly #ping: NodeJS.Timeout;

  constructor(socket: WebSocket, service: Service, target: LiveTarget, options: LiveOptions) {
    this.#socket = socket;
    this.#service = service;
    this.#target = target;
    this.#apiKey = target.apiKey;
    this.#options = options;
    socket.on('message', (data: Buffer, binary) => this.#take({ data, binary }));
    socket.on('pong', () => {
      this.#answersPing = true;
    });
    socket.on('error', () => {}); // 'close' follows
    socket.once('close', () => this.#closed());
    this.#ping = setInterval(() => this.#askWhetherThere(), options.livePingMs);
    // Who does not say who calls is not kept as long as a caller who is known.
    const patienceMs = target.keyOf ? options.headersTimeoutMs : options.liveIdleTimeoutS * 1000;
    this.#idle = setTimeout(() => this.#close(CLOSE.idle, 'nothing was sent for too long'), patienceMs);
  }

  /** Answers what is under way, hands over the state, and closes; what still waits is left to the caller, who has the state. */
  async drain(): Promise<void> {
    this.#ending = true;
    this.#socket.pause();
    await this.#running;
    this.#send(JSON.stringify({ close: { state: this.#session ? this.#service.tokenOf(this.#session) : null } }));
    this.#socket.resume(); // to hear the other side's close
    this.#close(CLOSE.restart, 'the server ends: go on elsewhere from the state told');
  }

  /** Ends it whatever the other side does. */
  terminate(): void {
    this.#socket.terminate();
  }

  #take(message: Message): void {
    if (this.#ending) return;
    this.#waiting.push(message);
    this.#idle.refresh();
    if (this.#waiting.length >= this.#options.liveWaiting) this.#socket.pause();
    if (!this.#busy) this.#running = this.#run();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    for (let next = this.#waiting.shift(); next && !this.#ending; next = this.#waiting.shift()) {
      if (this.#socket.isPaused && this.#waiting.length < this.#options.liveWaiting) this.#socket.resume();
      try {
        await this.#answer(next);
      } catch (error) {
        this.#tell(error);
      }
      if (this.#socket.bufferedAmount > MOST_UNREAD_BYTES) await this.#read();
    }
    this.#busy = false;
  }

  async #answer({ data, binary }: Message): Promise<void> {
    if (!this.#session) {
      const opens = this.#open(binary ? undefined : parseMessage(data));
      if (opens || !this.#session) return;
    }
    await this.#service.quota.take({ apiKey: this.#apiKey, ip: this.#target.ip });
    const sequence = stepOf(this.#session.model, data, binary);
    const probabilities = this.#probabilities;
    let text: string | Buffer = '';
    const session = this.#session;
    const share = this.#service.held.open();
    try {
      await this.#followed(session, async trace => {
        await session.step(sequence, { ...this.#caller(), trace }, async (answer, length) => {
          const around = [`{"length":${length},"prediction":`, '}'] as const;
          text = await encodeOneWithin(around, answer, probabilities, this.#options.maxAnswerBytes);
          if (!share.take(text.length)) throw tooMuchUnread();
        });
      });
      this.#send(text, () => share.close());
    } catch (error) {
      share.close();
      throw error;
    }
  }

  /** A step as a span of its own: a connection may last for days. */
  async #followed({ model: { name, version } }: Session, step: (trace?: Trace) => Promise<void>): Promise<void> {
    const { tracing } = this.#service;
    if (!tracing) return step();
    const asked = {
      'polyhead.model': name,
      'polyhead.version': version,
      'polyhead.request.id': this.#target.requestId,
    };
    const trace = tracing.request('live step', this.#target.headers, () => asked);
    try {
      await step(trace.sampled ? trace : undefined);
      trace.end({});
    } catch (error) {
      const { code } = translate(error as Error & { code: string; name: string });
      trace.end({ 'error.type': code }, STATUS[code] >= 500 ? code : undefined);
      throw error;
    }
  }

  /** Begins the session by the first message; whether that message was meant for it, and is done with. */
  #open(message: unknown): boolean {
    const meant = typeof message === 'object' && message !== null && 'open' in message;
    const parsed = meant ? openMessage.safeParse(message) : undefined;
    const { key, state, heads, probabilities } = parsed?.data?.open ?? {};
    try {
      if (parsed?.error) {
        const [{ path, message: what }] = parsed.error.issues;
        throw new ServiceError('INVALID_REQUEST', `${path.join('.')}: ${what}`);
      }
      if (this.#target.keyOf) {
        this.#apiKey = this.#target.keyOf(key ?? '');
        if (!this.#apiKey) throw new ServiceError('UNAUTHENTICATED', 'send a valid API key: {"open": {"key": "..."}}');
      }
      this.#session = this.#service.session(this.#target, { token: state, heads });
    } catch (error) {
      this.#tell(error);
      const refused = error instanceof ServiceError && error.code === 'UNAUTHENTICATED';
      this.#close(refused ? CLOSE.unauthenticated : CLOSE.badOpen, 'the connection was not opened');
      return true;
    }
    this.#probabilities = probabilities;
    const { name, version } = this.#session.model;
    if (meant) this.#send(JSON.stringify({ open: { model: name, version } }));
    return meant;
  }

  #caller() {
    return {
      timeoutMs: this.#options.requestTimeoutMs,
      gone: () => this.#socket.readyState > this.#socket.OPEN,
      onGone: (act: () => void) => {
        this.#abandon = act;
      },
    };
  }

  #tell(error: unknown): void {
    const known = translate(error as Error & { code: string; name: string });
    this.#service.metrics.refusals.inc({ code: known.code });
    logFault(this.#service.log, known, { reqId: this.#target.requestId });
    this.#send(JSON.stringify({ error: problem(known, this.#target.requestId) }));
  }

  /** `sent`: the system has all of it, or the connection is gone. */
  #send(text: string | Buffer, sent = () => {}): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(text, { binary: false }, sent);
    else sent();
  }

  /** Until the other side has read enough, or the connection ends. */
  #read(): Promise<void> {
    return new Promise(resolve => {
      const check = setInterval(() => {
        if (this.#socket.bufferedAmount > MOST_UNREAD_BYTES && !this.#ending) return;
        clearInterval(check);
        resolve();
      }, 10);
    });
  }

  #askWhetherThere(): void {
    const unread = this.#socket.bufferedAmount;
    // Half-open, or a reader that has stopped: nothing has come back since the last time.
    const stuck = unread > MOST_UNREAD_BYTES && unread >= this.#unread;
    if (!this.#answersPing || stuck) {
      this.#socket.terminate();
      return;
    }
    this.#unread = unread;
    if (this.#socket.isPaused) return; // its answer would not be read either
    this.#answersPing = false;
    this.#socket.ping();
  }

  #close(code: number, reason: string): void {
    this.#ending = true;
    this.#socket.close(code, reason);
  }

  #closed(): void {
    this.#ending = true;
    clearInterval(this.#ping);
    clearTimeout(this.#idle);
    this.#abandon();
  }
}
