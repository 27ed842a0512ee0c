// Cross-origin calls (CORS, fetch.spec.whatwg.org): pages of the origins that the operator names may call and read answers.
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { TIMEOUT_HEADER } from './caller.ts';

const FRAMING_HEADER = 'inference-header-content-length';
const ASKED = [
  'authorization',
  'content-type',
  'content-encoding',
  'accept',
  'x-request-id',
  'traceparent',
  'tracestate',
];
const ANSWERED = ['x-request-id', 'server-timing', 'x-batch-size', 'retry-after', 'etag', 'allow'];
/** How long a browser may remember that it may ask, in seconds. */
const REMEMBERED_S = 600;

/** Before whoever asks for a key: a browser asks without one whether it may ask. Without origins nothing is installed. */
export async function installCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    allowedHeaders: [...ASKED, TIMEOUT_HEADER, FRAMING_HEADER],
    exposedHeaders: [...ANSWERED, FRAMING_HEADER],
    maxAge: REMEMBERED_S,
    strictPreflight: false,
  });
}
