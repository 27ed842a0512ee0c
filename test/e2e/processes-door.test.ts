// What changes or counts at the door, with several processes behind it: a renewed certificate and a new version reach them all,
// and a quota is each one's own.
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, readFileSync, renameSync } from 'node:fs';
import https from 'node:https';
import { it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { repositoryOf, temporaryFolder } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';

const TLS = `${ROOT}test/fixtures/tls`;
const PROCESSES = 2;
const QUOTA = 100_000;
/** Connections in a row that agree before all processes are taken to. */
const ENOUGH = 31;
/** Connections at once: one by one, an idle machine may give them all to the same process. */
const AT_ONCE = 8;

interface Seen {
  readonly certificate: string;
  readonly version: string;
  readonly remaining: number;
}

it("a quota by name is each process's own: at most that many times as much is answered", async t => {
  const secrets = ['a-first-key-of-caller', 'a-second-key-of-caller'];
  const quota = 5;
  const server = await startProcess({
    env: {
      POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/tokens'),
      POLYHEAD_PROCESSES: `${PROCESSES}`,
      POLYHEAD_API_KEYS: secrets.map(secret => `caller:${secret}`).join(),
      POLYHEAD_QUOTA_PER_MINUTE: `${quota}`,
    },
  });
  t.after(server.stop);
  const statuses: number[] = [];
  const spent = () => statuses.slice(-ENOUGH).filter(status => status === 429).length === ENOUGH;
  for (let i = 0; !spent(); i++) {
    const headers = { authorization: `Bearer ${secrets[i % 2]}`, connection: 'close' };
    const reply = await fetch(`${server.origin}/v1/models`, { headers });
    await reply.arrayBuffer();
    statuses.push(reply.status);
  }
  const answered = statuses.filter(status => status === 200).length;
  assert.ok(answered >= quota && answered <= PROCESSES * quota, `${answered} answered`);
  assert.equal(statuses.filter(status => status === 429).length, statuses.length - answered);
});

it('a renewed certificate and a new version reach every process, and each has a quota of its own', async t => {
  const repository = repositoryOf('test/fixtures/models/tokens');
  const folder = temporaryFolder();
  const install = (name: string) => {
    for (const kind of ['key', 'pem']) copyFileSync(`${TLS}/${name}.${kind}`, `${folder}/server.${kind}`);
  };
  install('first');
  const server = await startProcess({
    env: {
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_PROCESSES: `${PROCESSES}`,
      POLYHEAD_TLS_CERT: `${folder}/server.pem`,
      POLYHEAD_TLS_KEY: `${folder}/server.key`,
      POLYHEAD_QUOTA_PER_MINUTE: `${QUOTA}`,
      POLYHEAD_RELOAD: 'watch',
      POLYHEAD_VERSIONS: 'latest:1',
    },
  });
  t.after(server.stop);
  const ca = readFileSync(`${TLS}/ca.pem`);
  /** On a connection of its own, which any of the processes may take. */
  const look = () =>
    new Promise<Seen>((resolve, reject) => {
      const agent = new https.Agent({ keepAlive: false });
      const request = https.get(`${server.origin}/v1/models/tokens`, { ca, agent }, async reply => {
        let text = '';
        for await (const chunk of reply) text += chunk;
        const { CN } = (reply.socket as TLSSocket).getPeerCertificate().subject;
        const remaining = Number(reply.headers['ratelimit-remaining']);
        resolve({ certificate: `${CN}`, version: JSON.parse(text).version, remaining });
      });
      request.on('error', reject);
    });
  const seen: Seen[] = [];
  const allSee = (what: string, agrees: (one: Seen) => boolean) =>
    until(what, async () => {
      seen.push(...(await Promise.all(Array.from({ length: AT_ONCE }, look))));
      return seen.length >= ENOUGH && seen.slice(-ENOUGH).every(agrees);
    });
  const firsts = () => seen.filter(({ remaining }) => remaining === QUOTA - 1).length;
  await allSee(
    'the first certificate and version, and that each process began a count of its own',
    ({ certificate, version }) => certificate === 'first.test' && version === '1' && firsts() >= PROCESSES,
  );
  install('second');
  await allSee('the second certificate', ({ certificate }) => certificate === 'second.test');
  cpSync(`${repository}/tokens/1`, `${repository}/tokens/.2`, { recursive: true });
  renameSync(`${repository}/tokens/.2`, `${repository}/tokens/2`);
  await allSee('the second version', ({ version }) => version === '2');
  assert.ok(seen.every(({ remaining }) => remaining >= QUOTA - seen.length));
  server.kill('SIGTERM');
  assert.equal((await server.outcome).code, 0);
});
