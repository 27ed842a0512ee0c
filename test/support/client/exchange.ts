// One HTTP exchange as tests see it, over a socket, over app.inject, or as bare bytes on a connection.
import http from 'node:http';
import net from 'node:net';
import type { TestApp } from '../server/service.ts';

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** The media type of a reply, without its parameters. */
export function mediaType({ headers }: Reply): string {
  return (headers['content-type'] ?? '').split(';')[0];
}

export interface Call {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  /** Sent as it stands if it is text, else as JSON. */
  readonly body?: unknown;
  readonly agent?: http.Agent;
  readonly signal?: AbortSignal;
}

/** A call's method, headers and body text: POST and application/json where there is a body and nothing else is said. */
function complete({ method, headers = {}, body }: Call) {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const typed = text === undefined ? headers : { 'content-type': 'application/json', ...headers };
  return { method: method ?? (text === undefined ? 'GET' : 'POST'), headers: typed, text };
}

/** Over a socket. `origin` is such as http://127.0.0.1:8080. */
export function send(origin: string, path: string, call: Call = {}): Promise<Reply> {
  const { method, headers, text } = complete(call);
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const options = { hostname, port, path, method, headers, agent: call.agent, signal: call.signal };
    const request = http.request(options, response => {
      const chunks: Buffer[] = [];
      response.on('data', chunk => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        resolve({ status, headers: response.headers, text: Buffer.concat(chunks).toString() });
      });
    });
    request.on('error', reject);
    request.end(text);
  });
}

/** Without a socket, straight into the application. */
export async function inject(app: TestApp['app'], path: string, call: Call = {}): Promise<Reply> {
  const { method, headers, text } = complete(call);
  const response = await app.inject({ method: method as 'GET', url: path, headers, payload: text });
  return {
    status: response.statusCode,
    headers: response.headers as http.IncomingHttpHeaders,
    text: response.payload,
  };
}

export interface Connection {
  readonly socket: net.Socket;
  /** What was received so far. */
  received(): string;
  /** Everything received until the other side closed, or the error that ended it. */
  readonly ended: Promise<{ text: string; error?: NodeJS.ErrnoException }>;
}

/** A bare connection that sends `bytes` and stays open until the server closes it. */
export async function connect(origin: string, bytes = ''): Promise<Connection> {
  const socket = net.connect(Number(new URL(origin).port), new URL(origin).hostname);
  let text = '';
  let error: NodeJS.ErrnoException | undefined;
  socket.setEncoding('utf8');
  socket.on('data', chunk => {
    text += chunk;
  });
  socket.on('error', problem => {
    error = problem;
  });
  const ended = new Promise<{ text: string; error?: NodeJS.ErrnoException }>(resolve => {
    socket.on('close', () => resolve({ text, error }));
  });
  await new Promise(resolve => socket.once('connect', resolve).once('close', resolve));
  if (bytes) socket.write(bytes);
  return { socket, ended, received: () => text };
}

/** The reply in what a bare connection received. */
export function parseReply(text: string): Reply {
  const split = text.indexOf('\r\n\r\n');
  const [first, ...lines] = text.slice(0, split).split('\r\n');
  const headers = lines.map(line => [
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 1).trim(),
  ]);
  return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(headers), text: text.slice(split + 4) };
}
