// Bodies over the limit, refused by their declared length before they are read, or while they arrive in chunks.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Client, clientAt, listen } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { connect, parseReply } from '../support/client/exchange.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const LIMIT = 64 * 1024;
const PATH = '/v1/models/lstm/predict';
const head = (lengthLine: string, more = '') =>
  `POST ${PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n${lengthLine}\r\n${more}\r\n`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const spaced = (size: number) => '{"sequences": [[[1,2,3]]]}'.padEnd(size);

describe('body size', () => {
  let app: TestApp;
  let origin: string;
  let call: Client;
  before(async () => {
    app = await startApp({ POLYHEAD_WORKERS: '1', POLYHEAD_MAX_BODY_BYTES: String(LIMIT) });
    origin = await listen(app);
    call = await clientAt(origin);
  });
  after(() => app.close());

  it('takes a body of exactly the limit and refuses one byte more', async () => {
    assert.equal((await call(PATH, { body: spaced(LIMIT) })).status, 200);
    problemOf(await call(PATH, { body: spaced(LIMIT + 1) }), 413, 'PAYLOAD_TOO_LARGE');
  });

  it('refuses a declared length before any of the body arrives', async () => {
    for (const length of [LIMIT + 1, 10_000_000_000]) {
      const { ended } = await connect(origin, head(`content-length: ${length}`, 'connection: close\r\n'));
      problemOf(parseReply((await ended).text), 413, 'PAYLOAD_TOO_LARGE');
    }
  });

  it('closes the connection whose body it refused, so that the body is no next request', async () => {
    const body = 'GET /livez HTTP/1.1\r\nhost: smuggled\r\n\r\n'.repeat(3000);
    const { ended } = await connect(origin, head(`content-length: ${body.length}`) + body);
    const { text } = await ended;
    assert.ok(!text.includes('"live"'), 'the refused body was taken for requests');
  });

  it('refuses chunks once they are over the limit, and stops reading', async () => {
    const { socket, ended } = await connect(origin, head('transfer-encoding: chunked'));
    let sent = 0;
    let open = true;
    socket.once('close', () => {
      open = false;
    });
    const piece = chunk(' '.repeat(8 * 1024));
    while (open && sent < 400) {
      socket.write(piece);
      sent++;
      await new Promise(resolve => setImmediate(resolve));
    }
    const { text } = await ended;
    problemOf(parseReply(text), 413, 'PAYLOAD_TOO_LARGE');
    assert.ok(sent < 400, 'the server read 3 MB of a body that may have 64 kB');
  });

  it('takes a chunked body within the limit', async () => {
    const bytes = head('transfer-encoding: chunked', 'connection: close\r\n');
    const { ended } = await connect(origin, `${bytes}${chunk('{"sequences": [[[1,')}${chunk('2,3]]]}')}0\r\n\r\n`);
    assert.equal(parseReply((await ended).text).status, 200);
  });

  it('answers the refusal in the words of the contract and goes on serving', async () => {
    const problem = problemOf(await call(PATH, { body: spaced(LIMIT * 2) }), 413, 'PAYLOAD_TOO_LARGE');
    assert.equal(problem.title, 'Payload Too Large');
    assert.equal((await call(PATH, { body: spaced(100) })).status, 200);
  });
});
