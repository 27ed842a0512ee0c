// Answers that are the same for everybody until the models change: made once, kept as bytes and compressed, with an ETag.
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const compress = promisify(gzip);
/** Smaller answers travel in one packet as they are. */
const WORTH_BYTES = 1024;
/** For files of the interface, which change with the server's version. */
const FILE_SECONDS = 7 * 24 * 3600;

/** Paths as they are written plainly. Others reach the same answers, in as many spellings as anyone likes: nothing is kept for those. */
const PLAIN = /^(\/[\w-][\w.-]*)+\/?$/;

interface Kept {
  readonly generation: number;
  readonly type: string;
  readonly etag: string;
  readonly plain: Buffer;
  readonly gzipped: Promise<Buffer> | undefined;
}

/** Keeps whatever the routes of this scope answer with 200. `generation` changes when the answers may. */
export function keepAnswers(scope: FastifyInstance, generation: () => number, isFile: (path: string) => boolean): void {
  const answers = new Map<string, Kept>();
  const headersOf = (path: string, { type, etag }: Kept) => ({
    'content-type': type,
    etag,
    vary: 'accept-encoding',
    'cache-control': isFile(path) ? `public, max-age=${FILE_SECONDS}` : 'no-cache',
  });
  /** The generation that a request found when it came: what is then made may be as old. */
  const begun = new WeakMap<FastifyRequest, number>();
  scope.addHook('onRequest', async (request, reply) => {
    const [path] = request.url.split('?');
    const kept = answers.get(path);
    begun.set(request, generation());
    if (request.method !== 'GET' || kept?.generation !== generation()) return;
    reply.headers(headersOf(path, kept));
    if (request.headers['if-none-match']?.includes(kept.etag)) return reply.code(304).send();
    return reply.send(await bodyOf(reply, kept));
  });
  scope.addHook('onSend', async (request, reply, payload) => {
    const [path] = request.url.split('?');
    const fresh = answers.get(path)?.generation === generation();
    if (request.method !== 'GET' || reply.statusCode !== 200 || fresh || !PLAIN.test(path)) return payload;
    const current = begun.get(request) ?? generation();
    const plain = await bytesOf(payload);
    const kept: Kept = {
      generation: current,
      type: String(reply.getHeader('content-type')),
      etag: `W/"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`,
      plain,
      gzipped: plain.length < WORTH_BYTES ? undefined : compress(plain, { level: 9 }),
    };
    answers.set(path, kept);
    reply.removeHeader('content-length').removeHeader('last-modified').headers(headersOf(path, kept));
    return bodyOf(reply, kept);
  });
}

function bodyOf(reply: FastifyReply, { plain, gzipped }: Kept): Buffer | Promise<Buffer> {
  const accepted = reply.request.headers['accept-encoding'] ?? '';
  if (!gzipped || !/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accepted)) return plain;
  reply.header('content-encoding', 'gzip');
  return gzipped;
}

async function bytesOf(payload: unknown): Promise<Buffer> {
  if (typeof payload === 'string') return Buffer.from(payload);
  return Buffer.isBuffer(payload) ? payload : buffer(payload as AsyncIterable<Buffer>);
}
