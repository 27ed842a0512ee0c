// Room for answers that wait for their readers: what is taken, and when it is given back.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { Held } from '../../src/core/held.ts';
import { Answers } from '../../src/http/answers.ts';

it('takes no room for who is gone before it is answered', async () => {
  const held = new Held(1_000_000);
  const answers = new Answers(held);
  const server = http.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const request = http.get({ port: (server.address() as AddressInfo).port });
    request.on('error', () => {});
    const [, raw] = (await once(server, 'request')) as [unknown, ServerResponse];
    answers.take({ raw }, 100_000);
    assert.equal(held.bytes, 100_000);
    request.destroy();
    await once(raw, 'close');
    assert.equal(held.bytes, 0);
    answers.take({ raw }, 100_000);
    assert.equal(held.bytes, 0);
  } finally {
    server.close();
  }
});
