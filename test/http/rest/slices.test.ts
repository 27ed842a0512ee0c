// Which form of a reply a caller prefers, and what becomes of one who does not read it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import Fastify from 'fastify';
import { formOf, sendSlices } from '../../../src/http/rest/slices.ts';
import { patient } from '../../../src/service/caller.ts';
import { until } from '../../support/runner/until.ts';

it('sends slices to who prefers them to one document', () => {
  const cases: [accept: string | undefined, form: string | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['*/*', undefined],
    ['text/html', undefined],
    ['application/x-ndjson', 'application/x-ndjson'],
    ['Application/X-NDJSON', 'application/x-ndjson'],
    ['text/event-stream', 'text/event-stream'],
    ['text/event-stream, */*', 'text/event-stream'],
    ['application/json, application/x-ndjson', undefined],
    ['application/json;q=0.5, application/x-ndjson', 'application/x-ndjson'],
    ['application/x-ndjson;q=0.5, application/json', undefined],
    ['application/x-ndjson;q=0.5, application/*;q=0.6', undefined],
    ['text/event-stream;q=0.1, text/html', 'text/event-stream'],
    ['application/x-ndjson;q=0', undefined],
    ['application/x-ndjson;q=many', undefined],
    ['application/x-ndjson; charset=utf-8; q=0.9, text/event-stream;q=0.8', 'application/x-ndjson'],
  ];
  for (const [accept, form] of cases) assert.equal(formOf(accept)?.contentType, form, accept);
});

it('cuts off who does not read the end, and ends what makes it', async () => {
  const app = Fastify();
  let ended = false;
  async function* endless() {
    try {
      for (;;) yield 'x'.repeat(65_536);
    } finally {
      ended = true;
    }
  }
  app.get('/', (_request, reply) => sendSlices(reply, form, endless(), patient(100), text => text));
  const form = formOf('application/x-ndjson') as NonNullable<ReturnType<typeof formOf>>;
  await app.listen({ host: '127.0.0.1', port: 0 });
  try {
    const request = http.get({ port: (app.server.address() as AddressInfo).port });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const failed = new Promise<NodeJS.ErrnoException>(resolve => response.once('error', resolve));
    await until('the source is ended', () => ended);
    response.resume();
    assert.equal((await failed).code, 'ECONNRESET');
  } finally {
    await app.close();
  }
});

it('ends what makes it also for who leaves while the first slice is written', async () => {
  const app = Fastify();
  let [begun, written, ended] = [false, false, false];
  async function* endless() {
    try {
      for (;;) yield 'x';
    } finally {
      ended = true;
    }
  }
  const write = async (text: string) => {
    begun = true;
    await until('the caller is gone', () => gone);
    written = true;
    return text;
  };
  let gone = false;
  app.get('/', (_request, reply) => {
    reply.raw.once('close', () => {
      gone = true;
    });
    return sendSlices(reply, form, endless(), patient(60_000), write);
  });
  const form = formOf('application/x-ndjson') as NonNullable<ReturnType<typeof formOf>>;
  await app.listen({ host: '127.0.0.1', port: 0 });
  try {
    const request = http.get({ port: (app.server.address() as AddressInfo).port });
    request.on('error', () => {});
    await until('the first slice is being written', () => begun);
    request.destroy();
    await until('the source is ended', () => ended);
    assert.ok(written);
  } finally {
    await app.close();
  }
});
