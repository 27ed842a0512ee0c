// Every setting of the server: its variable, how it is read, its default and what it is for. config.ts reads them.
import { availableParallelism } from 'node:os';
import { z } from 'zod';

const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^[0-9]{1,15}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most));
const flag = z.enum(['true', 'false']).transform(value => value === 'true');

/** A setting: its variable, how it is read, its default as text, and what it is for. */
export interface Setting<T extends z.ZodType = z.ZodType> {
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

/** 32 bytes as 64 hexadecimal digits or in base64. */
const stateKey = z.string().transform((text, context) => {
  const bytes = Buffer.from(text, /^[0-9a-fA-F]{64}$/.test(text) ? 'hex' : 'base64');
  if (bytes.length !== 32) context.addIssue('each key has 32 bytes, for example from: openssl rand -base64 32');
  return bytes;
});

export const SETTINGS = {
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
  modelControl: setting(
    'POLYHEAD_MODEL_CONTROL',
    z.enum(['none', 'explicit']),
    'none',
    'explicit: callers may load and unload models',
  ),
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
  queueBytes: setting(
    'POLYHEAD_QUEUE_BYTES',
    whole(1024, 1e12),
    256 * MIB,
    'most bytes of unanswered sequences per model',
  ),
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
  stateKeys: {
    ...setting(
      'POLYHEAD_STATE_KEY',
      z
        .string()
        .transform(text => text.split(/[\s,]+/).filter(Boolean))
        .pipe(z.array(stateKey)),
      '',
      'keys for state tokens, 32 bytes as base64 or hexadecimal digits, separated by commas: the first seals, all open',
    ),
    secret: true,
  },
  stateTokenTtlS: setting('POLYHEAD_STATE_TOKEN_TTL_S', whole(1, 1e9), 86_400, 'how long a state token may be used'),
  streamStore: setting(
    'POLYHEAD_STREAM_STORE',
    z.string().regex(/^(memory|rediss?:\/\/.+)$/, 'expected memory or redis://...'),
    'memory',
    'where streams are kept: memory, or redis://host:port to share them between replicas',
  ),
  streamIdleTimeoutS: setting(
    'POLYHEAD_STREAM_IDLE_TIMEOUT_S',
    whole(1, 1e8),
    3600,
    'how long an unused stream is kept',
  ),
  maxStreams: setting('POLYHEAD_MAX_STREAMS', whole(1, 1e9), 100_000, 'most open streams'),
  streamBytes: setting('POLYHEAD_STREAM_BYTES', whole(1024, 1e12), 256 * MIB, 'most bytes of open streams in memory'),
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
  certificateCache: setting(
    'POLYHEAD_CERTIFICATE_CACHE',
    flag,
    true,
    'keep batching certificates in <repository>/.certificates, where that is writable',
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
