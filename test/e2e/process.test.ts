// How the real process starts or does not: texts it prints, mistakes it names, repositories it refuses.
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { clientAt } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { BROKEN, repositoryOf, temporaryFolder } from '../support/models/served-copies.ts';
import { type Launch, type Outcome, runProcess, startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';

const KEY = 'a-key-of-16-chars-or-more';

/** A start that fails: exit code 1 and plain lines on standard error, no stack. */
async function refused(launch: Launch): Promise<string> {
  const { code, stderr } = await runProcess(launch);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^polyhead: /);
  assert.doesNotMatch(stderr, /\n\s+at |Error:/);
  return stderr;
}

const succeeded = ({ code, stdout, stderr }: Outcome): string => {
  assert.deepEqual([code, stderr], [0, '']);
  return stdout;
};

describe('texts', () => {
  it('--help names every setting with its default', async () => {
    const text = succeeded(await runProcess({ args: ['--help'] }));
    const readme = ['POLYHEAD_MODEL_REPOSITORY', 'POLYHEAD_API_KEYS', 'POLYHEAD_QUEUE_CAPACITY', 'PORT', 'LOG_LEVEL'];
    for (const name of readme) assert.ok(text.includes(name), name);
    assert.match(text, /--max-queue-delay-ms .*\(default 0\)/);
    assert.match(text, /--print-config/);
  });

  it('--print-config prints what is in force and masks secrets', async () => {
    const env = { POLYHEAD_API_KEYS: `${KEY},${KEY}-2`, POLYHEAD_WORKERS: '3' };
    const text = succeeded(await runProcess({ args: ['--print-config', '--workers', '2'], env }));
    assert.match(text, /^POLYHEAD_WORKERS=2$/m);
    assert.match(text, /^POLYHEAD_API_KEYS=\(2 set, not shown\)$/m);
    assert.ok(!text.includes(KEY));
  });
});

describe('mistakes in the configuration', () => {
  it('names every one of them', async () => {
    const env = { POLYHEAD_WORKER: '1', POLYHEAD_BATCH_SIZE: 'many', LOG_LEVEL: 'loud' };
    const text = await refused({ args: ['--port', '70000'], env });
    for (const name of ['POLYHEAD_WORKER:', 'POLYHEAD_BATCH_SIZE:', 'LOG_LEVEL:', '--port:']) {
      assert.ok(text.includes(name), `${name} is missing in ${text}`);
    }
  });

  it('refuses an unknown flag and a stray word', async () => {
    assert.match(await refused({ args: ['--prot', '1'] }), /--prot/);
    assert.match(await refused({ args: ['serve'] }), /serve/);
  });

  it('refuses an address beyond loopback without keys', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
      assert.match(await refused({ args: ['--host', host] }), /POLYHEAD_API_KEYS.*POLYHEAD_AUTH=off/);
    }
    assert.match(await refused({ env: { POLYHEAD_AUTH: 'off', POLYHEAD_API_KEYS: KEY } }), /contradicts/);
  });

  it('never shows a key that is too short', async () => {
    assert.ok(!(await refused({ env: { POLYHEAD_API_KEYS: 'tooshortkey' } })).includes('tooshortkey'));
  });

  it('refuses limits under which a request could never be admitted', async () => {
    const env = { POLYHEAD_QUEUE_CAPACITY: '10', POLYHEAD_MAX_SEQUENCES: '11' };
    assert.match(await refused({ env }), /never be admitted/);
  });
});

describe('what it cannot start with', () => {
  it('a port that is taken', async t => {
    const { origin, stop } = await startProcess();
    t.after(stop);
    const { port } = new URL(origin);
    for (const flag of ['--port', '--grpc-port', '--operations-port']) {
      const text = await refused({ args: ['--port', '0', flag, port] });
      assert.equal(text, `polyhead: port ${port} is taken; choose another with ${flag}\n`);
    }
  });

  it('a certificate or a key that cannot be read, or is none', async () => {
    const missing = path.join(temporaryFolder(), 'none.pem');
    for (const [cert, key] of [
      ['POLYHEAD_TLS_CERT', 'POLYHEAD_TLS_KEY'],
      ['POLYHEAD_GRPC_TLS_CERT', 'POLYHEAD_GRPC_TLS_KEY'],
    ]) {
      const env = { [cert]: `${ROOT}test/fixtures/tls/first.pem`, POLYHEAD_GRPC_PORT: '0' };
      const args = ['--port', '0'];
      const unread = await refused({ args, env: { ...env, [key]: missing } });
      assert.equal(unread, `polyhead: ${key}: "${missing}" cannot be read (ENOENT)\n`);
      const unfit = await refused({ args, env: { ...env, [key]: `${ROOT}package.json` } });
      assert.match(unfit, new RegExp(`^polyhead: ${cert} and ${key} are no certificate \\(PEM\\) and its key: .+\n$`));
    }
  });

  it('an address that this machine does not have', async () => {
    const text = await refused({ args: ['--host', '192.0.2.1', '--port', '0'], env: { POLYHEAD_AUTH: 'off' } });
    assert.match(text, /192\.0\.2\.1/);
  });

  it('a repository that is missing, or a file', async () => {
    for (const repository of [path.join(temporaryFolder(), 'none'), `${ROOT}package.json`]) {
      const text = await refused({ args: ['--model-repository', repository] });
      assert.ok(text.includes(repository), text);
    }
  });

  it('an empty repository', async () => {
    assert.match(await refused({ args: ['--model-repository', temporaryFolder()] }), /holds no model/);
  });

  it('broken models: every one is named on a line of its own with the reason', async () => {
    const text = await refused({ args: ['--model-repository', BROKEN] });
    const folders = readdirSync(BROKEN, { withFileTypes: true }).filter(entry => entry.isDirectory());
    const models = folders.filter(({ name }) => name !== 'no-manifest'); // that one is served
    assert.ok(models.length >= 10);
    for (const { name } of models) assert.match(text, new RegExp(`^  ${name}(/1)?: .{10,}$`, 'm'));
  });
});

describe('what it starts with all the same', () => {
  it('broken models beside a good one, if the repository need not be sound', async t => {
    const broken = ['bad-manifest', 'nan-weight', 'wrong-golden'].map(name => `test/fixtures/broken/${name}`);
    const repository = repositoryOf('test/fixtures/models/lstm', ...broken);
    const server = await startProcess({ args: ['--strict-repository', 'false', '--model-repository', repository] });
    t.after(server.stop);
    const call = await clientAt(server.origin);
    const ready = await call('/readyz');
    assert.equal(ready.status, 200);
    assert.deepEqual(JSON.parse(ready.text), {
      ready: true,
      status: 'ready',
      models: ['1', '2'].map(version => ({ model: 'lstm', version, workers: 1 })),
      refused: ['bad-manifest', 'nan-weight', 'wrong-golden'].map(model => ({ model, version: '1' })),
    });
    const body = { sequences: [[[1, 2, 3]]] };
    assert.equal((await call('/v1/models/lstm/predict', { body })).status, 200);
    problemOf(await call('/v1/models/nan-weight/predict', { body }), 404, 'MODEL_NOT_FOUND');
    assert.match(server.log(), /refused nan-weight\/1: [^"]{10,}/);
    assert.doesNotMatch(server.log(), /"err":/);
  });

  it('an empty repository, if it need not be sound: alive, but not ready', async t => {
    const repository = temporaryFolder();
    const { origin, stop } = await startProcess({
      args: ['--strict-repository', 'false', '--model-repository', repository],
    });
    t.after(stop);
    const call = await clientAt(origin);
    assert.equal((await call('/livez')).status, 200);
    const ready = await call('/readyz');
    assert.deepEqual([ready.status, JSON.parse(ready.text).status], [503, 'no model is loaded']);
    assert.deepEqual(JSON.parse((await call('/v1/models')).text), { models: [], loading: [], refused: [] });
    problemOf(await call('/v1/models/lstm/predict', { body: { sequences: [[]] } }), 404, 'MODEL_NOT_FOUND');
  });

  it('keys from a file', async t => {
    const file = path.join(temporaryFolder(), 'keys');
    writeFileSync(file, `${KEY}\n${KEY}-2\n`);
    const { origin, stop } = await startProcess({ env: { POLYHEAD_API_KEYS_FILE: file } });
    t.after(stop);
    const call = await clientAt(origin);
    problemOf(await call('/v1/models'), 401, 'UNAUTHENTICATED');
    for (const key of [KEY, `${KEY}-2`]) {
      assert.equal((await call('/v1/models', { headers: { authorization: `Bearer ${key}` } })).status, 200);
    }
  });
});
