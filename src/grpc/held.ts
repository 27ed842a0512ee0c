// What calls hold in memory counts into the bound that all bodies share: bytes as they arrive, inflated, and answers until they are
// read. grpc-js hands on whole messages only, so its own call is reached into: its stream, and how it inflates.
import { constants, type ServerHttp2Stream } from 'node:http2';
import * as grpc from '@grpc/grpc-js';
import type { ErrorCode } from '../core/errors.ts';
import type { Held, Share } from '../core/held.ts';
import { msOf, UNREAD } from '../http/answers.ts';
import { tooMuchSent } from '../http/uploads.ts';
import { inflated } from './inflate.ts';

/** The parts of grpc-js' BaseServerInterceptingCall that are used. */
interface BaseCall extends grpc.ServerInterceptingCallInterface {
  readonly stream: ServerHttp2Stream;
  /** Of one message with the five bytes before it. */
  decompressMessage(message: Buffer, encoding: string): Buffer | Promise<Buffer>;
}

export interface HoldOptions {
  readonly mostMessageBytes: number;
  /** How long a message may take to arrive. */
  readonly bodyTimeoutMs: number;
  /** Methods whose handlers say when a message of a stream is done with; others are done when they have it. */
  readonly service: string;
}

const PREFIX_BYTES = 5;
/** How long a caller who was answered may go on sending. */
const ANSWERED_MS = 1000;

/** What one call holds. */
export class CallShare {
  readonly #call: BaseCall;
  readonly #share: Share;
  readonly #told: (code: ErrorCode) => void;
  readonly #options: HoldOptions;
  /** Bytes of messages that are not answered yet, the oldest first. */
  readonly #messages: { bytes: number }[] = [];
  /** Bytes of a message that has begun. */
  #begun = 0;
  #late: NodeJS.Timeout | undefined;
  #unread: NodeJS.Timeout | undefined;

  constructor(call: BaseCall, share: Share, told: (code: ErrorCode) => void, options: HoldOptions) {
    this.#call = call;
    this.#share = share;
    this.#told = told;
    this.#options = options;
    call.stream.on('data', (chunk: Buffer) => this.#arrived(chunk.length)); // after grpc-js has taken what is whole
    let over: NodeJS.Timeout | undefined;
    call.stream.once('finish', () => {
      over = setTimeout(() => call.stream.close(), ANSWERED_MS).unref();
    });
    call.stream.once('close', () => {
      for (const timer of [this.#late, this.#unread, over]) clearTimeout(timer);
      share.close();
    });
    const inflate = call.decompressMessage.bind(call);
    call.decompressMessage = (message, encoding) => {
      const entry = { bytes: message.length };
      this.#messages.push(entry);
      this.#begun -= message.length;
      clearTimeout(this.#late);
      this.#late = undefined;
      if (encoding !== 'gzip' && encoding !== 'deflate') return inflate(message, encoding);
      const take = (bytes: number) => {
        entry.bytes += bytes;
        return this.#take(bytes);
      };
      return inflated(message.subarray(PREFIX_BYTES), encoding, options.mostMessageBytes, take);
    };
  }

  /** Room for an answer. @throws {ServiceError} OVERLOADED; the call has ended then. */
  answer(bytes: number): void {
    if (!this.#take(bytes)) throw tooMuchSent();
  }

  /** An answer that had room is not given after all. */
  unanswered(bytes: number): void {
    this.#share.give(bytes);
  }

  /** It is on its way: who does not read it is cut off after a while. */
  sent(bytes: number): void {
    clearTimeout(this.#unread);
    const cut = () => this.#call.stream.close(constants.NGHTTP2_CANCEL);
    this.#unread = setTimeout(cut, msOf(UNREAD, bytes)).unref();
  }

  /** The oldest message, and an answer of so many bytes, are done with. */
  done(answerBytes: number): void {
    clearTimeout(this.#unread);
    this.#share.give(answerBytes + (this.#messages.shift()?.bytes ?? 0));
  }

  #arrived(bytes: number): void {
    this.#begun += bytes;
    if (this.#take(bytes) && this.#begun > 0)
      this.#late ??= setTimeout(
        () => this.#refuse('REQUEST_TIMEOUT', grpc.status.DEADLINE_EXCEEDED, 'the message did not arrive in time'),
        this.#options.bodyTimeoutMs,
      ).unref();
  }

  #take(bytes: number): boolean {
    if (this.#call.stream.closed) return false;
    const room = this.#share.take(bytes);
    if (!room) this.#refuse('OVERLOADED', grpc.status.RESOURCE_EXHAUSTED, tooMuchSent().message);
    return room;
  }

  #refuse(code: ErrorCode, status: grpc.status, details: string): void {
    this.#told(code);
    this.#call.sendStatus({ code: status, details });
    this.#call.stream.close(); // what still comes is dropped
  }
}

const shares = new WeakMap<grpc.Metadata, CallShare>();

/** By the call's metadata, which grpc-js hands on. */
export function shareOf(metadata: grpc.Metadata): CallShare | undefined {
  return shares.get(metadata);
}

/** Must be the first interceptor; `told` hears of each refusal. */
export function holding(held: Held, told: (code: ErrorCode) => void, options: HoldOptions): grpc.ServerInterceptor {
  return ({ path, requestStream }, call) => {
    const share = new CallShare(call as BaseCall, held.open(), told, options);
    const passing = requestStream && !path.startsWith(`/${options.service}/`);
    return new grpc.ServerInterceptingCall(call, {
      start: begin =>
        begin({
          onReceiveMetadata: (metadata, go) => {
            shares.set(metadata, share);
            go(metadata);
          },
          onReceiveMessage: (message, go) => {
            if (passing) share.done(0);
            go(message);
          },
        }),
    });
  };
}
