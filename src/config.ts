// Reads the settings from the environment and from flags of the same names; every mistake is told at once.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { z } from 'zod';
import { readEnvironmentBy } from './core/environment.ts';
import type { Setting } from './setting.ts';
import { SETTINGS } from './settings.ts';
import { VERSION } from './version.ts';

// The runtime reads this when its library is loaded; worker threads only ever see a copy of the environment.
process.env.ORT_DISABLE_TELEMETRY = '1';
readEnvironmentBy(() => process.env);

const LOOPBACK = /^(localhost|127\.[0-9.]+|::1)$/;

type Settings = typeof SETTINGS;
export type Config = Readonly<{ [K in keyof Settings]: z.infer<Settings[K]['schema']> }>;

/** What the command line asked for: a configuration to serve with, or a text to print. */
export type Invocation = { readonly config: Config } | { readonly print: string };

/** Every mistake in the configuration, one per line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const entries = Object.entries(SETTINGS) as [keyof Settings, Setting][];
export const flagOf = (env: string) =>
  env
    .replace(/^POLYHEAD_/, '')
    .toLowerCase()
    .replaceAll('_', '-');

/** @throws {ConfigError} */
export function readInvocation(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Invocation {
  const mistakes: string[] = [];
  const flags = readFlags(args, mistakes);
  if (flags.help) return { print: helpText() };
  if (flags.version) return { print: VERSION };
  const variables = new Set(entries.flatMap(([, s]) => (mayBeFile(s) ? [s.env, `${s.env}_FILE`] : [s.env])));
  for (const name of Object.keys(env)) {
    if (name.startsWith('POLYHEAD_') && !variables.has(name)) mistakes.push(`${name}: there is no such setting`);
  }
  const values: Record<string, unknown> = {};
  for (const [key, s] of entries) {
    const flag = s.secret ? undefined : flags[flagOf(s.env)];
    const given = flag ?? valueFile(s, env, mistakes) ?? env[s.env];
    const parsed = s.schema.safeParse(given ?? s.fallback);
    const from = flag === undefined ? s.env : `--${flagOf(s.env)}`;
    if (parsed.success) values[key] = parsed.data;
    else mistakes.push(`${from}: ${parsed.error.issues[0].message}${s.secret ? '' : ` (got "${shown(s, given)}")`}`);
  }
  if (Object.keys(values).length === entries.length) checkTogether(values as Config, mistakes);
  if (mistakes.length > 0) throw new ConfigError(`the configuration is not valid:\n  ${mistakes.join('\n  ')}`);
  const config = Object.freeze(values) as Config;
  if (env === process.env) setTf32(config.cudaTf32);
  return flags['print-config'] ? { print: configText(config) } : { config };
}

/** onnxruntime-node cannot be told by an option; CUDA's libraries read this before the first session. */
function setTf32(wanted: boolean): void {
  if (wanted) delete process.env.NVIDIA_TF32_OVERRIDE;
  else process.env.NVIDIA_TF32_OVERRIDE = '0';
}

/** Lenient parsing, so that one wrong flag does not hide the mistakes in the others. */
function readFlags(args: readonly string[], mistakes: string[]): Record<string, string | boolean | undefined> {
  const options: Record<string, { type: 'string' | 'boolean' }> = {
    help: { type: 'boolean' },
    'print-config': { type: 'boolean' },
    version: { type: 'boolean' },
  };
  for (const [, s] of entries) if (!s.secret) options[flagOf(s.env)] = { type: 'string' };
  const { values, positionals } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true });
  for (const name of Object.keys(values))
    if (!Object.hasOwn(options, name)) mistakes.push(`--${name}: there is no such flag`);
  for (const [, s] of entries) {
    const name = flagOf(s.env);
    const isMissing = values[name] === true || String(values[name]).startsWith('--'); // nothing followed, or a flag
    if (s.secret || !isMissing) continue;
    mistakes.push(`--${name}: a value is missing, as in --${name}=${s.fallback || '…'}`);
    delete values[name];
  }
  for (const word of positionals) mistakes.push(`"${word}": flags begin with --`);
  return values as Record<string, string | boolean | undefined>;
}

function mayBeFile({ secret, file }: Setting): boolean {
  return secret === true || file === true;
}

function valueFile(s: Setting, env: NodeJS.ProcessEnv, mistakes: string[]): string | undefined {
  const file = mayBeFile(s) ? env[`${s.env}_FILE`] : undefined;
  if (file === undefined) return undefined;
  if (env[s.env] !== undefined) mistakes.push(`${s.env} and ${s.env}_FILE are both set`);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    mistakes.push(`${s.env}_FILE: cannot be read (${(error as NodeJS.ErrnoException).code})`);
    return undefined;
  }
}

function checkTogether(config: Config, mistakes: string[]): void {
  const keys = config.apiKeys.length > 0;
  if (keys && config.auth === 'off') mistakes.push('POLYHEAD_AUTH=off contradicts POLYHEAD_API_KEYS');
  if (!keys && config.auth !== 'off' && !LOOPBACK.test(config.host)) {
    mistakes.push(
      `HOST=${config.host} is open to others: set POLYHEAD_API_KEYS, or POLYHEAD_AUTH=off if that is meant`,
    );
  }
  if (!keys && config.modelControl === 'explicit' && !LOOPBACK.test(config.host)) {
    mistakes.push('POLYHEAD_MODEL_CONTROL=explicit beyond loopback needs POLYHEAD_API_KEYS');
  }
  if ((config.tlsCert === '') !== (config.tlsKey === '')) {
    mistakes.push('POLYHEAD_TLS_CERT and POLYHEAD_TLS_KEY belong together: set both or none');
  }
  if (config.tlsClientCa !== '' && config.tlsCert === '') {
    mistakes.push('POLYHEAD_TLS_CLIENT_CA needs POLYHEAD_TLS_CERT');
  }
  if (config.reload !== 'off' && config.modelControl === 'explicit') {
    mistakes.push(
      'POLYHEAD_RELOAD contradicts POLYHEAD_MODEL_CONTROL=explicit: either the folder decides or callers do',
    );
  }
  if (config.maxSequences > config.queueCapacity) {
    mistakes.push(
      'POLYHEAD_MAX_SEQUENCES is greater than POLYHEAD_QUEUE_CAPACITY: such a request could never be admitted',
    );
  }
  if (4 * config.maxBodyBytes > config.queueBytes) {
    mistakes.push(
      'POLYHEAD_QUEUE_BYTES is less than four times POLYHEAD_MAX_BODY_BYTES: such a body might never be admitted',
    );
  }
  if (config.maxBodyBytes > config.uploadBytes) {
    mistakes.push('POLYHEAD_MAX_BODY_BYTES is greater than POLYHEAD_UPLOAD_BYTES: such a body could never be read');
  }
  if ((config.grpcTlsCert === '') !== (config.grpcTlsKey === '')) {
    mistakes.push('POLYHEAD_GRPC_TLS_CERT and POLYHEAD_GRPC_TLS_KEY go together');
  }
  if (config.requestTimeoutMs > config.maxRequestTimeoutMs) {
    mistakes.push('POLYHEAD_REQUEST_TIMEOUT_MS is greater than POLYHEAD_MAX_REQUEST_TIMEOUT_MS');
  }
}

function helpText(): string {
  const lines = entries.map(([, s]) => {
    const flagName = s.secret ? '' : `--${flagOf(s.env)}`;
    const fallback = s.secret ? `also ${s.env}_FILE` : `default ${s.fallback}`;
    const orFile = s.file ? `; ${s.env}_FILE names a file of it` : '';
    return `  ${s.env.padEnd(32)} ${flagName.padEnd(26)} ${s.help}${orFile} (${fallback})`;
  });
  return [
    'polyhead: serves multitask sequence models over HTTP.',
    '',
    'Usage: npm start -- [flags]     or: node dist/src/main.js [flags]',
    '',
    'Every setting is an environment variable; all but secrets are flags too, and a flag wins.',
    ...lines,
    `  ${''.padEnd(32)} ${'--print-config'.padEnd(26)} print the settings in force, secrets masked, and end`,
    `  ${''.padEnd(32)} ${'--version'.padEnd(26)} print the version and end`,
    `  ${''.padEnd(32)} ${'--help'.padEnd(26)} print this and end`,
  ].join('\n');
}

function shown(s: Setting, value: unknown): unknown {
  return typeof value === 'string' && s.shown ? s.shown(value) : value;
}

function configText(config: Config): string {
  return entries
    .map(
      ([key, s]) =>
        `${s.env}=${s.secret ? `(${(config[key] as readonly string[]).length} set, not shown)` : shown(s, config[key])}`,
    )
    .join('\n');
}
