// Replies that come in slices, while the rest is computed: as lines of JSON, or as server-sent events. Once the first slice is
// on its way the status cannot change, and a fault is the last line.
import { Readable } from 'node:stream';
import type { FastifyError, FastifyReply } from 'fastify';
import type { Caller } from '../../service/caller.ts';
import { note, problem, translate } from '../errors.ts';

/** What stands before and after a slice. */
export type Frame = readonly [before: string, after: string];

interface Form {
  readonly contentType: string;
  readonly frame: Frame;
  readonly errorFrame: Frame;
}

const FORMS: Readonly<Record<string, Form | undefined>> = {
  'application/x-ndjson': {
    contentType: 'application/x-ndjson',
    frame: ['', '\n'],
    errorFrame: ['', '\n'],
  },
  'text/event-stream': {
    contentType: 'text/event-stream',
    frame: ['data: ', '\n\n'],
    errorFrame: ['event: error\ndata: ', '\n\n'],
  },
};
const AT_ONCE = new Set(['application/json', 'application/*', '*/*']);
/** How long after a caller's time the last lines may still be read. */
const UNREAD_MS = 1000;

/** The form of slices that a caller prefers to one document (RFC 9110, 12.5.1); undefined: one document. */
export function formOf(accept: string | undefined): Form | undefined {
  if (!accept || accept === '*/*') return undefined; // nearly everybody
  let best: string | undefined;
  let bestQuality = 0;
  for (const item of accept.toLowerCase().split(',')) {
    const [type, ...parameters] = item.split(';').map(part => part.trim());
    const q = parameters.find(parameter => parameter.startsWith('q='));
    const quality = q === undefined ? 1 : Number(q.slice(2));
    if ((FORMS[type] || AT_ONCE.has(type)) && quality > bestQuality) [best, bestQuality] = [type, quality];
  }
  return best === undefined ? undefined : FORMS[best];
}

/**
 * Sends slices as they come; the next are not computed before these are read. A reader who has not read the end shortly after
 * the caller's time is over is cut off. `write` gives a slice in its frame. @throws what the first slice throws.
 */
export async function sendSlices<S>(
  reply: FastifyReply,
  form: Form,
  slices: AsyncGenerator<S>,
  { timeoutMs }: Caller,
  write: (slice: S) => string | Buffer | Promise<string | Buffer>,
): Promise<FastifyReply> {
  const written = writtenBy(slices, write);
  const first = await written.next();
  const text = Readable.from(lines(first), { objectMode: false });
  // Also where its reader left while the first slice was written, and `lines` never begins.
  text.once('close', () => written.return(undefined).catch(() => {}));
  if (!reply.raw.destroyed) {
    const cut = setTimeout(() => reply.raw.destroy(), timeoutMs + UNREAD_MS);
    reply.raw.once('close', () => clearTimeout(cut));
  }
  return reply.header('content-type', form.contentType).send(text);

  async function* lines(given: IteratorResult<string | Buffer>): AsyncGenerator<string | Buffer> {
    try {
      for (let next = given; !next.done; next = await written.next()) yield next.value;
    } catch (thrown) {
      const error = translate(thrown as FastifyError);
      note(reply.request, reply, error);
      const [before, after] = form.errorFrame;
      yield `${before}${JSON.stringify({ error: problem(error, reply.request.id) })}${after}`;
    }
  }
}

/** Ends the slices with itself. */
async function* writtenBy<S>(
  slices: AsyncGenerator<S>,
  write: (slice: S) => string | Buffer | Promise<string | Buffer>,
): AsyncGenerator<string | Buffer> {
  for await (const slice of slices) yield await write(slice);
}
