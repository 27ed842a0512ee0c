// Content codings: gzip and deflate (zlib), of request bodies everywhere and of answers of the Open Inference Protocol.

import { promisify } from 'node:util';
import { createGunzip, createInflate, deflate, gzip } from 'node:zlib';
import type { FastifyReply, preParsingHookHandler } from 'fastify';
import { ServiceError } from '../core/errors.ts';

/** Smaller replies travel in one packet as they are. */
const WORTH_BYTES = 1024;
const CODERS = { gzip: promisify(gzip), deflate: promisify(deflate) };

/** Inflates a request's body as it is read; the server's body limit holds for what comes out. */
export const inflate: preParsingHookHandler = (request, reply, payload, done) => {
  const coding = request.headers['content-encoding']?.toLowerCase();
  if (coding === undefined || coding === 'identity') return done(null, payload);
  if (coding !== 'gzip' && coding !== 'deflate') {
    return done(new ServiceError('UNSUPPORTED_MEDIA_TYPE', 'the body may be compressed with gzip or deflate'));
  }
  const inflated = Object.assign(coding === 'gzip' ? createGunzip() : createInflate(), { receivedEncodedLength: 0 });
  payload.on('data', chunk => {
    inflated.receivedEncodedLength += chunk.length;
  });
  payload.on('error', error => inflated.destroy(error));
  inflated.on('error', () => {}); // who reads the body hears of it; where nobody does, it must not end the process
  payload.pipe(inflated);
  // Where the answer came before the body's end, the rest is read and dropped, so that the caller gets to read the answer.
  reply.raw.once('finish', () => payload.unpipe(inflated).resume());
  done(null, inflated);
};

/** Compresses a reply if the caller accepts that and it is worth it; sets the header. */
export async function deflateReply(reply: FastifyReply, accepted: string | undefined, body: Buffer): Promise<Buffer> {
  const coding = (['gzip', 'deflate'] as const).find(name => accepts(accepted ?? '', name));
  if (!coding || body.length < WORTH_BYTES) return body;
  reply.header('content-encoding', coding).header('vary', 'accept-encoding');
  return CODERS[coding](body);
}

function accepts(header: string, coding: string): boolean {
  return header.split(',').some(item => {
    const [name, ...parameters] = item.split(';').map(part => part.trim().toLowerCase());
    return name === coding && !parameters.some(parameter => /^q=0(\.0*)?$/.test(parameter));
  });
}
