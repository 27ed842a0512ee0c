// The configuration: one table of settings, read from the environment and from flags of the same names.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { messageOf } from './core/errors.ts';

// The runtime reads this when its library is loaded; worker threads only ever see a copy of the environment.
process.env.ORT_DISABLE_TELEMETRY = '1';

const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^[0-9]{1,15}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most));
const flag = z.enum(['true', 'false']).transform(value => value === 'true');

/** A setting: its variable, how it is read, its default as text, and what it is for. */
interface Setting<T extends z.ZodType = z.ZodType> {
  readonly env: string;
  readonly schema: T;
  readonly fallback: string;
  readonly help: string;
  readonly secret?: boolean;
}
const setting = <T extends z.ZodType>(
  env: string,
  schema: T,
  fallback: string | number | boolean,
  help: string,
): Setting<T> => ({
  env,
  schema,
  fallback: String(fallback),
  help,
});

const MIB = 1024 * 1024;
const workers = Math.max(1, Math.min(4, availableParallelism() - 1));
const apiKey = z
  .string()
  .min(16, 'each key has at least 16 characters')
  .regex(/^[\x21-\x7e]+$/, 'keys are printable ASCII without spaces');

const SETTINGS = {
  host: setting('HOST', z.string().min(1), '127.0.0.1', 'address to listen on'),
  port: setting('PORT', whole(0, 65535), 8080, 'port to listen on; 0 takes a free one'),
  logLevel: setting(
    'LOG_LEVEL',
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    'info',
    'least level to log',
  ),
  modelRepository: setting(
    'POLYHEAD_MODEL_REPOSITORY',
    z.string().min(1),
    'models',
    'folder of <name>/<version>/ models',
  ),
  strictRepository: setting('POLYHEAD_STRICT_REPOSITORY', flag, true, 'refuse to start if any model is refused'),
  executionProvider: setting(
    'POLYHEAD_EXECUTION_PROVIDER',
    z.enum(['auto', 'cpu', 'cuda']),
    'auto',
    'where graphs run: auto, cpu or cuda',
  ),
  workers: setting('POLYHEAD_WORKERS', whole(1, 256), workers, 'worker threads per model'),
  intraOpThreads: setting('POLYHEAD_INTRA_OP_THREADS', whole(1, 256), 1, 'threads within one run'),
  batchSize: setting('POLYHEAD_BATCH_SIZE', whole(1, 4096), 64, 'most sequences in one run'),
  paddedSteps: setting('POLYHEAD_PADDED_STEPS', whole(1, 1e9), 16384, 'most of batch size x longest length in one run'),
  maxQueueDelayMs: setting('POLYHEAD_MAX_QUEUE_DELAY_MS', whole(0, 10_000), 0, 'how long a batch may wait for company'),
  queueCapacity: setting('POLYHEAD_QUEUE_CAPACITY', whole(1, 1e6), 8192, 'most unanswered sequences per model'),
  maxSequences: setting('POLYHEAD_MAX_SEQUENCES', whole(1, 1e6), 512, 'most sequences in one request'),
  requestTimeoutMs: setting(
    'POLYHEAD_REQUEST_TIMEOUT_MS',
    whole(1, 3_600_000),
    10_000,
    'deadline of a request that names none',
  ),
  maxRequestTimeoutMs: setting(
    'POLYHEAD_MAX_REQUEST_TIMEOUT_MS',
    whole(1, 3_600_000),
    60_000,
    'ceiling for x-request-timeout-ms',
  ),
  maxBodyBytes: setting('POLYHEAD_MAX_BODY_BYTES', whole(1024, 1024 * MIB), 16 * MIB, 'largest request body'),
  headersTimeoutMs: setting(
    'POLYHEAD_HEADERS_TIMEOUT_MS',
    whole(100, 600_000),
    10_000,
    'how long headers may take to arrive',
  ),
  bodyTimeoutMs: setting(
    'POLYHEAD_BODY_TIMEOUT_MS',
    whole(100, 600_000),
    30_000,
    'how long a whole request may take to arrive',
  ),
  keepAliveTimeoutMs: setting(
    'POLYHEAD_KEEP_ALIVE_TIMEOUT_MS',
    whole(100, 600_000),
    75_000,
    'how long an idle connection is kept',
  ),
  maxConnections: setting('POLYHEAD_MAX_CONNECTIONS', whole(1, 1e6), 4096, 'most open connections'),
  drainDelayMs: setting(
    'POLYHEAD_DRAIN_DELAY_MS',
    whole(0, 600_000),
    200,
    'how long to answer as unready before closing, at SIGTERM',
  ),
  shutdownTimeoutMs: setting(
    'POLYHEAD_SHUTDOWN_TIMEOUT_MS',
    whole(100, 3_600_000),
    30_000,
    'longest shutdown before the process just ends',
  ),
  accessLog: setting('POLYHEAD_ACCESS_LOG', flag, false, 'log a line for every request'),
  auth: setting('POLYHEAD_AUTH', z.enum(['auto', 'off']), 'auto', 'off: listen beyond loopback without API keys'),
  apiKeys: {
    ...setting(
      'POLYHEAD_API_KEYS',
      z
        .string()
        .transform(text => text.split(/[\s,]+/).filter(Boolean))
        .pipe(z.array(apiKey)),
      '',
      'keys, separated by commas, that callers send as "Authorization: Bearer <key>"',
    ),
    secret: true,
  },
} as const;

type Settings = typeof SETTINGS;
export type Config = Readonly<{ [K in keyof Settings]: z.infer<Settings[K]['schema']> }>;

/** What the command line asked for: a configuration to serve with, or a text to print. */
export type Invocation = { readonly config: Config } | { readonly print: string };

/** Every mistake in the configuration, one per line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const entries = Object.entries(SETTINGS) as [keyof Settings, Setting][];
const flagOf = (env: string) =>
  env
    .replace(/^POLYHEAD_/, '')
    .toLowerCase()
    .replaceAll('_', '-');

/** @throws {ConfigError} */
export function readInvocation(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Invocation {
  const mistakes: string[] = [];
  const flags = readFlags(args, mistakes);
  if (flags.help) return { print: helpText() };
  const variables = new Set(entries.flatMap(([, s]) => (s.secret ? [s.env, `${s.env}_FILE`] : [s.env])));
  for (const name of Object.keys(env)) {
    if (name.startsWith('POLYHEAD_') && !variables.has(name)) mistakes.push(`${name}: there is no such setting`);
  }
  const values: Record<string, unknown> = {};
  for (const [key, s] of entries) {
    const given = flags[flagOf(s.env)] ?? secretFile(s, env, mistakes) ?? env[s.env];
    const parsed = s.schema.safeParse(given ?? s.fallback);
    const from = flags[flagOf(s.env)] === undefined ? s.env : `--${flagOf(s.env)}`;
    if (parsed.success) values[key] = parsed.data;
    else mistakes.push(`${from}: ${parsed.error.issues[0].message}${s.secret ? '' : ` (got "${given}")`}`);
  }
  if (mistakes.length === 0) checkTogether(values as Config, mistakes);
  if (mistakes.length > 0) throw new ConfigError(`the configuration is not valid:\n  ${mistakes.join('\n  ')}`);
  const config = Object.freeze(values) as Config;
  return flags['print-config'] ? { print: configText(config) } : { config };
}

function readFlags(args: readonly string[], mistakes: string[]): Record<string, string | boolean | undefined> {
  const options: Record<string, { type: 'string' | 'boolean' }> = {
    help: { type: 'boolean' },
    'print-config': { type: 'boolean' },
  };
  for (const [, s] of entries) if (!s.secret) options[flagOf(s.env)] = { type: 'string' };
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    mistakes.push(messageOf(error));
    return {};
  }
}

function secretFile(s: Setting, env: NodeJS.ProcessEnv, mistakes: string[]): string | undefined {
  const file = s.secret ? env[`${s.env}_FILE`] : undefined;
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
  if (!keys && config.auth !== 'off' && !/^(localhost|127\.[0-9.]+|::1)$/.test(config.host)) {
    mistakes.push(
      `HOST=${config.host} is open to others: set POLYHEAD_API_KEYS, or POLYHEAD_AUTH=off if that is meant`,
    );
  }
  if (config.maxSequences > config.queueCapacity) {
    mistakes.push(
      'POLYHEAD_MAX_SEQUENCES is greater than POLYHEAD_QUEUE_CAPACITY: such a request could never be admitted',
    );
  }
  if (config.requestTimeoutMs > config.maxRequestTimeoutMs) {
    mistakes.push('POLYHEAD_REQUEST_TIMEOUT_MS is greater than POLYHEAD_MAX_REQUEST_TIMEOUT_MS');
  }
}

function helpText(): string {
  const lines = entries.map(([, s]) => {
    const flagName = s.secret ? '' : `--${flagOf(s.env)}`;
    const fallback = s.secret ? `also ${s.env}_FILE` : `default ${s.fallback}`;
    return `  ${s.env.padEnd(32)} ${flagName.padEnd(26)} ${s.help} (${fallback})`;
  });
  return [
    'polyhead: serves multitask sequence models over HTTP.',
    '',
    'Usage: npm start -- [flags]     or: node dist/src/main.js [flags]',
    '',
    'Every setting is an environment variable; all but secrets are flags too, and a flag wins.',
    ...lines,
    `  ${''.padEnd(32)} ${'--print-config'.padEnd(26)} print the settings in force, secrets masked, and end`,
    `  ${''.padEnd(32)} ${'--help'.padEnd(26)} print this and end`,
  ].join('\n');
}

function configText(config: Config): string {
  return entries
    .map(
      ([key, s]) =>
        `${s.env}=${s.secret ? `(${(config[key] as readonly string[]).length} set, not shown)` : config[key]}`,
    )
    .join('\n');
}
