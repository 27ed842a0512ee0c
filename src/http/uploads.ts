// Bodies that are being read, held to a bound of bytes over all connections: callers who send slowly, or much at once, leave room
// for the rest. What counts are bytes that lie in memory, inflated, until their request is answered.
import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../core/errors.ts';
import type { Held } from '../core/held.ts';

/** Small bodies are not worth counting: as many as there may be connections fit beside the bound. */
const SMALL_BYTES = 16 * 1024;

/** Must stand after what inflates. */
export function installUploads(app: FastifyInstance, held: Held): void {
  app.addHook('preParsing', (request, reply, payload, done) => {
    const { 'content-length': length, 'content-encoding': coding } = request.headers;
    if (length !== undefined && coding === undefined && Number(length) <= SMALL_BYTES) return done(null, payload);
    const share = held.open();
    let refused = false;
    payload.on('data', (chunk: Buffer) => {
      if (refused || share.take(chunk.length)) return;
      refused = true; // what still comes is read and dropped
      reply.header('connection', 'close');
      payload.emit('error', tooMuchSent());
    });
    reply.raw.once('close', () => {
      refused = true;
      share.close();
    });
    done(null, payload);
  });
}

export const tooMuchSent = () =>
  new ServiceError('OVERLOADED', 'too much is being sent to this server; try again shortly');
