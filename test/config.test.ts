// The configuration: every mistake at once, who wins, what is never shown, and which settings contradict each other.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { type Config, ConfigError, readInvocation } from '../src/config.ts';
import { SETTINGS } from '../src/settings.ts';
import { TemporaryRepository } from './support/models/repository.ts';
import { ROOT } from './support/server/service.ts';

const folder = new TemporaryRepository();
after(() => folder.remove());

const KEY = 'a-key-of-sixteen-characters';

function configOf(env: Record<string, string> = {}, args: string[] = []): Config {
  const invocation = readInvocation(args, env);
  assert.ok('config' in invocation);
  return invocation.config;
}

function textOf(args: string[], env: Record<string, string> = {}): string {
  const invocation = readInvocation(args, env);
  assert.ok('print' in invocation);
  return invocation.print;
}

function mistakesOf(env: Record<string, string>, args: string[] = []): string[] {
  try {
    readInvocation(args, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    const [title, ...mistakes] = error.message.split('\n');
    assert.equal(title, 'the configuration is not valid:');
    return mistakes.map(mistake => mistake.trim());
  }
  return assert.fail('nothing was refused');
}

test('without anything, the defaults: loopback, models/, no keys', () => {
  const config = configOf();
  assert.deepEqual(
    [config.host, config.port, config.modelRepository, config.executionProvider, config.apiKeys],
    ['127.0.0.1', 8080, 'models', 'auto', []],
  );
  assert.equal(config.strictRepository, true);
  assert.ok(config.workers >= 1 && config.workers <= 4);
  assert.ok(Object.isFrozen(config));
});

test('every setting is read from its own variable, and from its own flag, which wins', () => {
  for (const [key, { env, fallback, ...setting }] of Object.entries(SETTINGS)) {
    if ('secret' in setting) continue;
    const flag = `--${env.replace('POLYHEAD_', '').toLowerCase().replaceAll('_', '-')}`;
    const parsed = setting.schema.parse(fallback);
    assert.deepEqual(configOf({ [env]: fallback })[key as keyof Config], parsed, env);
    assert.deepEqual(configOf({ [env]: '\u0000' }, [flag, fallback])[key as keyof Config], parsed, flag);
  }
  assert.equal(configOf({ PORT: '1' }, ['--port', '2']).port, 2);
  assert.equal(configOf({ PORT: '1' }, ['--port=3']).port, 3);
  assert.equal(configOf({ POLYHEAD_BATCH_SIZE: '7' }).batchSize, 7);
  assert.equal(configOf({ POLYHEAD_STRICT_REPOSITORY: 'false' }).strictRepository, false);
});

test('all mistakes are told at once, each with its name and what it got', () => {
  const env = {
    PORT: '65536',
    LOG_LEVEL: 'loud',
    POLYHEAD_BATCH_SIZE: '0',
    POLYHEAD_WORKERS: '1.5',
    POLYHEAD_STRICT_REPOSITORY: 'yes',
    POLYHEAD_BACH_SIZE: '64',
    POLYHEAD_API_KEYS: 'short',
    POLYHEAD_GRPC_PORT: 'on',
  };
  const mistakes = mistakesOf(env, ['--paddedsteps', '5', '--queue-capacity', '-1', 'stray']);
  const expected = [
    /^--paddedsteps: there is no such flag$/,
    /^"5": flags begin with --$/,
    /^"stray": flags begin with --$/,
    /^POLYHEAD_BACH_SIZE: there is no such setting$/,
    /^PORT: .*65535.* \(got "65536"\)$/,
    /^LOG_LEVEL: .* \(got "loud"\)$/,
    /^POLYHEAD_STRICT_REPOSITORY: .* \(got "yes"\)$/,
    /^POLYHEAD_WORKERS: expected a whole number \(got "1\.5"\)$/,
    /^POLYHEAD_BATCH_SIZE: .*1 \(got "0"\)$/,
    /^--queue-capacity: expected a whole number \(got "-1"\)$/,
    /^POLYHEAD_API_KEYS: each key has at least 16 characters$/,
    /^POLYHEAD_GRPC_PORT: expected off or a port \(got "on"\)$/,
  ];
  for (const pattern of expected)
    assert.equal(mistakes.filter(m => pattern.test(m)).length, 1, `${pattern}: ${mistakes.join('\n')}`);
  assert.equal(mistakes.length, expected.length);
});

test('names that every object has are no settings and no flags', () => {
  for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
    assert.deepEqual(mistakesOf({}, [`--${name}`]), [`--${name}: there is no such flag`]);
    assert.deepEqual(mistakesOf({ [`POLYHEAD_${name}`]: '1' }), [`POLYHEAD_${name}: there is no such setting`]);
  }
});

test('variables of others are left alone', () => {
  assert.equal(configOf({ PATH: '/bin', NODE_ENV: 'test', polyhead_x: '1', MY_POLYHEAD_X: '1' }).port, 8080);
});

test('a flag without its value is a mistake', () => {
  assert.deepEqual(mistakesOf({}, ['--port']), ['--port: a value is missing, as in --port=8080']);
  for (const args of [['--strict-repository'], ['--strict-repository', '--help']])
    assert.deepEqual(mistakesOf({}, args), ['--strict-repository: a value is missing, as in --strict-repository=true']);
  assert.deepEqual(mistakesOf({}, ['--tls-cert']), ['--tls-cert: a value is missing, as in --tls-cert=…']);
});

test('keys come from the variable or from a file, and never from a flag', () => {
  const file = folder.at('keys');
  writeFileSync(file, `${KEY}-1\n${KEY}-2,\n`);
  assert.deepEqual(configOf({ POLYHEAD_API_KEYS: `${KEY}, ${KEY}-b` }).apiKeys, [KEY, `${KEY}-b`]);
  assert.deepEqual(configOf({ POLYHEAD_API_KEYS_FILE: file }).apiKeys, [`${KEY}-1`, `${KEY}-2`]);
  assert.deepEqual(mistakesOf({ POLYHEAD_API_KEYS: KEY, POLYHEAD_API_KEYS_FILE: file }), [
    'POLYHEAD_API_KEYS and POLYHEAD_API_KEYS_FILE are both set',
  ]);
  assert.deepEqual(mistakesOf({ POLYHEAD_API_KEYS_FILE: folder.at('gone') }), [
    'POLYHEAD_API_KEYS_FILE: cannot be read (ENOENT)',
  ]);
  for (const flag of ['--api-keys', `--api-keys=${KEY}`])
    assert.deepEqual(mistakesOf({}, [flag]), ['--api-keys: there is no such flag']);
});

test('a secret is never shown: not in the printed configuration, not in a mistake', () => {
  const env = { POLYHEAD_API_KEYS: `${KEY},${KEY}-2` };
  const text = textOf(['--print-config'], env);
  assert.match(text, /^POLYHEAD_API_KEYS=\(2 set, not shown\)$/m);
  assert.ok(!text.includes(KEY));
  const spaced = mistakesOf({ POLYHEAD_API_KEYS: 'sésame-ouvre-toi-donc' });
  assert.deepEqual(spaced, ['POLYHEAD_API_KEYS: keys are printable ASCII without spaces']);
});

test('an address open to others needs keys, or the word that none are meant', () => {
  for (const host of [
    '0.0.0.0',
    '::',
    '192.168.1.4',
    'example.org',
    '127.example.org',
    'localhost.example.org',
    '128.0.0.1',
  ]) {
    const [mistake, ...more] = mistakesOf({ HOST: host });
    assert.match(mistake, /^HOST=.* is open to others: set POLYHEAD_API_KEYS, or POLYHEAD_AUTH=off if that is meant$/);
    assert.deepEqual(more, []);
    assert.equal(configOf({ HOST: host, POLYHEAD_API_KEYS: KEY }).host, host);
    assert.equal(configOf({ HOST: host, POLYHEAD_AUTH: 'off' }).auth, 'off');
  }
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1']) assert.equal(configOf({ HOST: host }).host, host);
});

test('settings that contradict each other are told together', () => {
  const env = {
    POLYHEAD_AUTH: 'off',
    POLYHEAD_API_KEYS: KEY,
    POLYHEAD_MAX_SEQUENCES: '100',
    POLYHEAD_QUEUE_CAPACITY: '99',
    POLYHEAD_QUEUE_BYTES: '4095',
    POLYHEAD_MAX_BODY_BYTES: '1024',
    POLYHEAD_REQUEST_TIMEOUT_MS: '2000',
    POLYHEAD_MAX_REQUEST_TIMEOUT_MS: '1999',
  };
  assert.deepEqual(mistakesOf(env), [
    'POLYHEAD_AUTH=off contradicts POLYHEAD_API_KEYS',
    'POLYHEAD_MAX_SEQUENCES is greater than POLYHEAD_QUEUE_CAPACITY: such a request could never be admitted',
    'POLYHEAD_QUEUE_BYTES is less than four times POLYHEAD_MAX_BODY_BYTES: such a body might never be admitted',
    'POLYHEAD_REQUEST_TIMEOUT_MS is greater than POLYHEAD_MAX_REQUEST_TIMEOUT_MS',
  ]);
  const equal = { ...env, POLYHEAD_AUTH: 'auto', POLYHEAD_QUEUE_CAPACITY: '100', POLYHEAD_QUEUE_BYTES: '4096' };
  configOf({ ...equal, POLYHEAD_MAX_REQUEST_TIMEOUT_MS: '2000' });
});

test('--help names every setting, its flag, its default and its purpose', () => {
  const text = textOf(['--help'], { PORT: 'wrong', POLYHEAD_NONSENSE: '1' });
  for (const { env, fallback, help, ...setting } of Object.values(SETTINGS)) {
    const line = text.split('\n').find(candidate => candidate.trim().startsWith(`${env} `)) ?? '';
    assert.ok(line.includes(help), `${env}: ${line}`);
    if ('secret' in setting) assert.ok(line.endsWith(`(also ${env}_FILE)`) && !line.includes(' --'), line);
    else assert.ok(line.includes(` --${env.replace('POLYHEAD_', '').toLowerCase().replaceAll('_', '-')} `), line);
    if (!('secret' in setting)) assert.ok(line.endsWith(`(default ${fallback})`), line);
  }
});

test('--version prints the version of package.json, whatever the settings', () => {
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
  assert.equal(textOf(['--version'], { PORT: 'none' }), version);
});

test('--print-config prints every setting in force, and reads back as the same', () => {
  const text = textOf(['--print-config', '--port', '0'], { POLYHEAD_WORKERS: '3' });
  const lines = text.split('\n').map(line => line.split('=') as [string, string]);
  assert.deepEqual(
    lines.map(([name]) => name),
    Object.values(SETTINGS).map(setting => setting.env),
  );
  const { POLYHEAD_API_KEYS, POLYHEAD_STATE_KEY, ...env } = Object.fromEntries(lines);
  assert.equal(POLYHEAD_API_KEYS, '(0 set, not shown)');
  assert.equal(POLYHEAD_STATE_KEY, '(0 set, not shown)');
  assert.deepEqual(configOf(env), configOf({ POLYHEAD_WORKERS: '3', PORT: '0' }));
});

test('the password of a stream store is never shown, and may come from a file', () => {
  const secret = 'correct-horse';
  const address = `redis://user:${secret}@example.test:6379/0?token=${secret}`;
  const text = textOf(['--print-config'], { POLYHEAD_STREAM_STORE: address });
  assert.ok(text.includes('POLYHEAD_STREAM_STORE=redis://***@example.test:6379/0'), text);
  assert.ok(!text.includes(secret));
  const [mistake] = mistakesOf({ POLYHEAD_STREAM_STORE: `redis://user:${secret}@example.test:port` });
  assert.match(mistake, /^POLYHEAD_STREAM_STORE: expected/);
  assert.ok(!mistake.includes(secret), mistake);
  const file = `${folder.root}/store`;
  writeFileSync(file, `${address}\n`);
  assert.equal(configOf({ POLYHEAD_STREAM_STORE_FILE: file }).streamStore, address);
});
