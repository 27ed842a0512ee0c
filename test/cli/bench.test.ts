// polyhead bench: what its callers count, against servers that answer in every way HTTP allows, and against the real one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { drive, percentile } from '../../src/cli/bench/load.ts';
import { answerOf, faultOf } from '../support/client/command.ts';
import { temporaryFolder, WEATHER } from '../support/models/served-copies.ts';
import { startProcess } from '../support/server/process.ts';

/** A server that answers the nth request of a connection with the nth list of pieces, each a write of its own; `end` closes. */
async function answering(replies: readonly (readonly string[])[]): Promise<{ url: URL; close: () => void }> {
  const server = net.createServer(socket => {
    let nth = 0;
    socket.on('error', () => {});
    socket.on('data', async () => {
      for (const piece of replies[nth++ % replies.length]) {
        if (piece === 'end') socket.destroy();
        else socket.write(piece);
        await new Promise(setImmediate);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`),
    close: () => server.close(),
  };
}

const requests = [Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')];
const load = (url: URL) => drive({ url, requests, connections: 3, seconds: 3600, mostRequests: 30 });

describe('a caller', () => {
  it('takes a reply in any pieces, of told length or in chunks, and counts those that are no 200', async () => {
    const server = await answering([
      ['HTTP/1.1 200 OK\r\nContent-Le', 'ngth: 5\r\n\r', '\nab', 'cde'],
      ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n', '0\r\n', '\r\n'],
      ['HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n'],
    ]);
    const measured = await load(server.url).finally(server.close);
    assert.equal(Math.round(measured.requestsPerSecond * measured.elapsedS), 30);
    assert.deepEqual(Object.keys(measured.failures), ['503']);
    // Each of the three connections takes the replies in turn, and may end anywhere among them.
    assert.ok(Math.abs(measured.failures[503] - 10) <= 2, `${measured.failures[503]}`);
    assert.ok(
      measured.p50Ms <= measured.p95Ms && measured.p95Ms <= measured.p99Ms && measured.p99Ms <= measured.worstMs,
    );
  });

  it('asks once at least, however short the load', async () => {
    const server = await answering([['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n']]);
    const measured = await drive({ url: server.url, requests, connections: 3, seconds: 0 }).finally(server.close);
    assert.equal(Math.round(measured.requestsPerSecond * measured.elapsedS), 3);
  });

  it('comes back after an end, and counts it where no reply came', async () => {
    const server = await answering([['HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\na', 'end']]);
    assert.deepEqual((await load(server.url).finally(server.close)).failures, {});
    const broken = await answering([['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na', 'end']]);
    const { failures } = await load(broken.url).finally(broken.close);
    assert.deepEqual(failures, { 'the connection was closed': 30 });
  });
});

it('a percentile is the smallest value that so great a share does not exceed', () => {
  const values = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  assert.deepEqual(
    [0.5, 0.95, 0.99, 1].map(share => percentile(values, share)),
    [50, 95, 99, 100],
  );
  assert.equal(percentile(values.subarray(0, 1), 0.99), 1);
  assert.ok(Number.isNaN(percentile(values.subarray(0, 0), 0.5)));
});

describe('polyhead bench', async () => {
  const server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: WEATHER } });
  after(server.stop);
  const rest = `${server.origin}/v1/models/weather/predict`;
  const v2 = `${server.origin}/v2/models/weather/infer`;
  const quick = ['--connections', '2', '--seconds', '0.05', '--rounds', '1'];

  it('asks what the model takes, by REST and by v2, as JSON and as bytes, and all is answered', async () => {
    for (const args of [
      [rest, v2],
      [v2, '--binary'],
    ]) {
      const cells = JSON.parse(await answerOf(['bench', ...args, ...quick, '--json']));
      assert.equal(cells.length, 3 * args.filter(arg => arg.startsWith('http')).length);
      for (const { turns } of cells) {
        assert.deepEqual(turns[0].failures, {});
        assert.ok(turns[0].requestsPerSecond > 0 && turns[0].cpuUs >= 0, JSON.stringify(turns[0]));
      }
    }
  });

  it("sends a request of the user's, and tells a table", async () => {
    const file = path.join(temporaryFolder(), 'body.json');
    writeFileSync(file, JSON.stringify({ sequences: [[[0.5, 12, 4, 3, 'rain', 100, 'Seattle']]] }));
    const lines = (await answerOf(['bench', rest, '--body', file, ...quick])).trimEnd().split('\n');
    assert.equal(lines.length, 2);
    assert.match(lines[1], /body\.json +2 +http\S+ +\d+ +1\.00 +\d+ .* 0$/);
  });

  it('says why it cannot: no server, a request that is refused, another path, an unknown load', async () => {
    assert.match(await faultOf(['bench', 'http://127.0.0.1:1/v1/models/a/predict']), /127.0.0.1:1 cannot be reached/);
    assert.match(await faultOf(['bench', `${server.origin}/v2/models/none/infer`]), /answers 404/);
    const file = path.join(temporaryFolder(), 'bad.json');
    writeFileSync(file, '{"sequences": []}');
    assert.match(await faultOf(['bench', rest, '--body', file]), /answers 400: .*sequences/);
    assert.match(await faultOf(['bench', server.origin], {}, 2), /no URL that ends in \/predict or \/infer/);
    assert.match(await faultOf(['bench', rest, '--loads', 'W9'], {}, 2), /there is no load "W9", only W1, W2, W3/);
    assert.match(await faultOf(['bench', rest, '--rounds', 'x'], {}, 2), /--rounds is "x", expected a number/);
  });
});
