// Answers that wait for their readers, held to the bound of bytes that bodies share: Node keeps an answer in memory until the
// system has taken its last byte, however slowly that is read.
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, onSendHookHandler } from 'fastify';
import { ServiceError } from '../core/errors.ts';
import type { Held, Share } from '../core/held.ts';

declare module 'fastify' {
  interface FastifyInstance {
    answers: Answers;
  }
}

/** Small answers are not counted: the system takes them at once. */
const SMALL_BYTES = 16 * 1024;

/** How long an answer may lie unread. */
export interface Patience {
  readonly ms: number;
  /** How fast it is to be read when it is large. */
  readonly bytesAMs: number;
}

export const UNREAD: Patience = { ms: 60_000, bytesAMs: 128 };
/** Where another answer needs the room. */
const PRESSED: Patience = { ms: 5000, bytesAMs: 1024 };

export const msOf = ({ ms, bytesAMs }: Patience, bytes: number) => ms + bytes / bytesAMs;

interface Waiting {
  readonly raw: ServerResponse;
  readonly share: Share;
  readonly bytes: number;
  readonly sinceMs: number;
}

export class Answers {
  /** How long one may lie unread; and how long, where another needs the room. */
  unread = UNREAD;
  pressed = PRESSED;
  readonly #held: Held;
  /** The oldest first. */
  readonly #waiting = new Map<ServerResponse, Waiting>();

  constructor(held: Held) {
    this.#held = held;
  }

  /**
   * Room for the answer of a request, until its reader has all of it or is gone. A step takes it before it is taken itself; once is
   * enough. Who does not read in time is cut off: soon, where the room is needed. @throws {ServiceError} OVERLOADED.
   */
  take({ raw }: Pick<FastifyReply, 'raw'>, bytes: number): void {
    if (bytes <= SMALL_BYTES || raw.destroyed || this.#waiting.has(raw)) return; // who is gone takes nothing
    const share = this.#roomFor(bytes);
    const waiting = { raw, share, bytes, sinceMs: performance.now() };
    this.#waiting.set(raw, waiting);
    const cut = setTimeout(() => this.#cut(waiting), msOf(this.unread, bytes)).unref();
    const read = () => {
      clearTimeout(cut);
      share.close();
      this.#waiting.delete(raw);
    };
    raw.once('finish', read).once('close', read);
  }

  #roomFor(bytes: number): Share {
    for (;;) {
      const share = this.#held.open();
      if (share.take(bytes)) return share;
      const now = performance.now();
      const late = [...this.#waiting.values()].find(
        waiting => now - waiting.sinceMs > msOf(this.pressed, waiting.bytes),
      );
      if (!late) throw tooMuchUnread();
      this.#cut(late);
    }
  }

  #cut({ raw, share }: Waiting): void {
    share.close();
    this.#waiting.delete(raw);
    raw.destroy();
  }
}

export const tooMuchUnread = () =>
  new ServiceError('OVERLOADED', 'too many answers of this server wait to be read; try again shortly');

/** Routes that wait for runs take room themselves, which costs the small answers of most of them nothing; here are all others. */
export function installAnswers(app: FastifyInstance, answers: Answers): void {
  app.decorate('answers', answers);
  const take: onSendHookHandler = ({ routeOptions: { config } }, reply, payload, done) => {
    // Documents are kept once for all readers; and metrics are what operators need most when there is no room.
    if (config.open || config.role === 'metrics') return done(null, payload);
    const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
    try {
      answers.take(reply, bytes);
    } catch (error) {
      for (const name of ABOUT_THE_BODY) reply.removeHeader(name);
      return done(error as ServiceError);
    }
    done(null, payload);
  };
  app.addHook('onRoute', route => {
    if (!route.config?.waits) route.onSend = [take, ...[route.onSend ?? []].flat()];
  });
}

/** Of an answer that is not sent. */
const ABOUT_THE_BODY = ['content-encoding', 'content-length'];
