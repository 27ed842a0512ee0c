// Calls between two processes over the messages that Node carries between a process and its child.
import { type ErrorCode, type Fault, messageOf, ServiceError } from './errors.ts';

/** What a process and its child each have of the other. */
export interface Channel {
  send?(message: unknown, sent: (error: Error | null) => void): unknown;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

/** What the other side may call, by name. */
export type Handlers = Readonly<Record<string, (...args: never[]) => unknown>>;

type Message =
  | { readonly rpc: 'call'; readonly id: number; readonly method: string; readonly args: readonly unknown[] }
  | { readonly rpc: 'done'; readonly id: number; readonly value: unknown }
  | { readonly rpc: 'failed'; readonly id: number; readonly message: string; readonly error?: Told };

/** A ServiceError on its way: whoever asked may read it. */
interface Told {
  readonly code: ErrorCode;
  readonly faults: readonly Fault[];
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** What was asked will not be answered: the other process is gone. */
export class PeerLost extends Error {}

export class Peer {
  readonly #channel: Channel;
  readonly #handlers: Handlers;
  /** Calls that were sent and not answered, by id; each settles once, at the latest when the peer is lost. */
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #lost?: Error;

  constructor(channel: Channel, handlers: Handlers) {
    this.#channel = channel;
    this.#handlers = handlers;
    channel.on('message', message => this.#receive(message as Message));
  }

  /** @throws {ServiceError} that the other side threw; any other error is one of the other side or of the way there. */
  call<T>(method: string, ...args: readonly unknown[]): Promise<T> {
    if (this.#lost) return Promise.reject(this.#lost);
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#send({ rpc: 'call', id, method, args });
    });
  }

  /** The other side is gone: nothing will be answered any more. */
  lose(error: Error): void {
    this.#lost = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #receive(message: Message): void {
    if (message?.rpc === 'call') {
      this.#answer(message).catch(() => {}); // whoever asked is gone
      return;
    }
    const pending = this.#pending.get(message?.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if (message.rpc === 'done') pending.resolve(message.value as never);
    else if (message.error) pending.reject(new ServiceError(message.error.code, message.message, message.error));
    else pending.reject(new Error(message.message));
  }

  async #answer({ id, method, args }: Extract<Message, { rpc: 'call' }>): Promise<void> {
    try {
      if (!Object.hasOwn(this.#handlers, method)) throw new Error(`there is no call "${method}"`);
      this.#send({ rpc: 'done', id, value: await this.#handlers[method](...(args as never[])) });
    } catch (error) {
      const told = error instanceof ServiceError ? { code: error.code, faults: error.faults } : undefined;
      this.#send({ rpc: 'failed', id, message: messageOf(error), error: told });
    }
  }

  #send(message: Message): void {
    this.#channel.send?.(message, error => {
      if (error) this.lose(error);
    });
  }
}
