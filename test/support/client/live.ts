// A live connection as tests see it: messages in order, and how it ended.
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { until } from '../runner/until.ts';

export interface LiveAnswer {
  readonly length?: number;
  readonly prediction?: { readonly length: number; readonly heads: Record<string, { value?: number; label?: string }> };
  readonly open?: { readonly model: string; readonly version: string };
  readonly error?: { readonly code: string; readonly detail: string; readonly errors: { readonly pointer: string }[] };
  readonly close?: { readonly state: string | null };
}

export class Listener {
  readonly socket: WebSocket;
  readonly answers: LiveAnswer[] = [];
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', data => this.answers.push(JSON.parse(data.toString())));
    this.closed = once(socket, 'close').then(([code]) => code);
  }

  static async open(origin: string, path: string, headers: Record<string, string> = {}): Promise<Listener> {
    const listener = new Listener(new WebSocket(`${origin.replace('http', 'ws')}${path}`, { headers }));
    await once(listener.socket, 'open');
    return listener;
  }

  send(message: unknown): void {
    this.socket.send(message instanceof Uint8Array ? message : JSON.stringify(message));
  }

  /** The answers so far, once there are as many. */
  async until(count: number): Promise<LiveAnswer[]> {
    await until(`${count} answers`, () => this.answers.length >= count, 20_000);
    return this.answers;
  }
}
