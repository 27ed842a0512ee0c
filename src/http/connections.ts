// Ends, at close, the connections that Node would wait for although nobody is owed an answer on them.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyInstance {
    /** Leaves an upgraded connection to whoever speaks on it, and ends it at close. */
    releaseConnection(socket: Socket): void;
  }
}

/** How long a request may still take to arrive when the listener has closed. */
const ARRIVAL_GRACE_MS = 2000;
const SWEEP_MS = 50;

export function installConnections(app: FastifyInstance, arrivals: { count: number }): void {
  /** Every open connection with the last request that arrived on it. */
  const latest = new Map<Socket, IncomingMessage | undefined>();
  const answers = new WeakMap<Socket, ServerResponse>();
  app.server.on('connection', socket => {
    arrivals.count++;
    latest.set(socket, undefined);
    socket.once('close', () => latest.delete(socket));
  });
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    latest.set(request.socket, request);
    answers.set(request.socket, response);
  });

  app.decorate('releaseConnection', (socket: Socket) => {
    latest.delete(socket);
  });

  app.addHook('preClose', done => {
    const start = performance.now();
    // What was asked before the drain began and is answered only now says that it is the last answer here.
    for (const socket of latest.keys()) {
      const answer = answers.get(socket);
      if (answer && !answer.headersSent) answer.shouldKeepAlive = false;
    }
    // Once is not enough: a connection may fall idle, or come out of the backlog, just after the listener closed.
    const sweep = setInterval(
      () =>
        afterReading(() => {
          const late = performance.now() - start > ARRIVAL_GRACE_MS;
          app.server.closeIdleConnections();
          for (const [socket, request] of latest) if (late && !request?.complete) socket.destroy();
        }),
      SWEEP_MS,
    );
    app.server.once('close', () => clearInterval(sweep));
    afterReading(done);
  });
}

/**
 * Acts when whatever has come in so far has been read. A timer fires before the sockets are read, when a connection may look
 * idle although its next request already waits in the kernel: closing it then would reset that request.
 */
function afterReading(act: () => void): void {
  setImmediate(() => setImmediate(act));
}
