// Whole requests of a load, head and body, for a server of either protocol that says itself what its model takes.
import { readFile } from 'node:fs/promises';
import { LoadError, messageOf } from '../../core/errors.ts';
import { type Body, bodiesOf, type Described, type Shape } from './bodies.ts';

export interface Asked {
  /** A request to send in place of the load's. */
  readonly file?: string;
  readonly binary: boolean;
  readonly key?: string;
}

/** Whole requests in rotation; the first is tried. @throws {LoadError} if the server does not answer it. */
export async function requestsOf(url: URL, shape: Shape, { file, binary, key }: Asked): Promise<Buffer[]> {
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const bodies: Body[] =
    file === undefined ? bodiesOf(await describe(url, headers), shape, binary) : [{ bytes: await readBody(file) }];
  const headersOf = ({ jsonBytes }: Body): Record<string, string> => ({
    ...headers,
    'content-type': jsonBytes === undefined ? 'application/json' : 'application/octet-stream',
    ...(jsonBytes === undefined ? {} : { 'inference-header-content-length': `${jsonBytes}` }),
  });
  const [first] = bodies;
  const reply = await fetch(url, { method: 'POST', headers: headersOf(first), body: new Uint8Array(first.bytes) });
  if (reply.status !== 200) {
    throw new LoadError(`${url} answers ${reply.status}: ${(await reply.text()).slice(0, 500)}; try --body`);
  }
  await reply.arrayBuffer();
  return bodies.map(body => {
    const lines = Object.entries(headersOf(body)).map(([name, value]) => `${name}: ${value}\r\n`);
    const target = `${url.pathname}${url.search}`;
    const head = `POST ${target} HTTP/1.1\r\nhost: ${url.host}\r\n${lines.join('')}content-length: ${body.bytes.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), body.bytes]);
  });
}

/** @throws {LoadError} */
function readBody(file: string): Promise<Buffer> {
  return readFile(file).catch(error => {
    throw new LoadError(`${file} cannot be read (${error.code})`);
  });
}

/** What the server tells of the model. @throws {LoadError} */
async function describe(url: URL, headers: Record<string, string>): Promise<Described> {
  const at = (path: string) =>
    fetch(new URL(path, url), { headers }).catch(error => {
      throw new LoadError(`${url.origin} cannot be reached: ${messageOf(error.cause ?? error)}`);
    });
  const [path] = url.pathname.split(/\/(?:predict|infer)$/);
  const told = await at(path);
  if (!told.ok) throw new LoadError(`${url.origin}${path} answers ${told.status}; bring a request with --body`);
  const { inputs, outputs } = (await told.json()) as never;
  if (url.pathname.endsWith('/predict')) return { inputs };
  const more = await at(path.replace('/v2/', '/v1/'));
  const known = more.ok ? ((await more.json()) as Described) : {};
  return { tensors: inputs, outputs, inputs: known.inputs };
}
