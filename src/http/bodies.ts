// Request bodies: JSON in UTF-8, unless a protocol reads bytes of its own.
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../core/errors.ts';

export function installBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    if (body.length === 0) return done(null, undefined); // some clients name a type for a body that they do not send
    try {
      done(null, parseJson(body as Buffer));
    } catch (error) {
      done(error as ServiceError);
    }
  });
}

/** @throws {ServiceError} INVALID_REQUEST; what is not UTF-8 is refused instead of guessed at. */
export function parseJson(bytes: Buffer): unknown {
  try {
    if (isUtf8(bytes)) return JSON.parse(bytes.toString());
  } catch {}
  throw new ServiceError('INVALID_REQUEST', 'the body is not valid JSON');
}
