// Bodies as bytes, in and out.
import type { FastifyReply, FastifyRequest } from 'fastify';

/** As bytes: Fastify would add a charset to text, and some clients compare the content type letter for letter. */
export function sendJson(reply: FastifyReply, value: unknown): void {
  reply.header('content-type', 'application/json').send(Buffer.from(JSON.stringify(value)));
}

/** The body, which may be missing altogether. */
export function bytesOf({ body }: FastifyRequest): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}
