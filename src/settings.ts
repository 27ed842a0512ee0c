// Every setting of the server: its variable, how it is read, its default and what it is for. config.ts reads them.
import { availableParallelism, totalmem } from 'node:os';
import { z } from 'zod';
import { PROVIDER_CHOICES } from './core/providers.ts';
import { DOOR_SETTINGS } from './door-settings.ts';
import { PROCESS_SETTINGS } from './process-settings.ts';
import { flag, listOf, MIB, setting, stateKey, storeAddress, whole, withoutPassword } from './setting.ts';
import { TELEMETRY_SETTINGS } from './telemetry-settings.ts';

const workers = Math.max(1, Math.min(4, availableParallelism() - 1));
const threads = 2 * availableParallelism();

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
    'folder of <name>/<version>/ models, or of one model',
  ),
  modelName: setting(
    'POLYHEAD_MODEL_NAME',
    z.union([z.literal(''), z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected a model name')]),
    '',
    'what the one model is called that lies in the repository itself; else as its folder',
  ),
  versions: setting(
    'POLYHEAD_VERSIONS',
    z.string().regex(/^(all|latest:[1-9][0-9]{0,2})$/, 'expected all or latest:N'),
    'all',
    'which versions of a model serve, where its serving.json does not say: all, or latest:N',
  ),
  reload: setting(
    'POLYHEAD_RELOAD',
    z.enum(['off', 'watch', 'poll']),
    'off',
    'take over changes of the repository while serving: watch notices at once, poll looks now and then',
  ),
  reloadIntervalS: setting('POLYHEAD_RELOAD_INTERVAL_S', whole(1, 86_400), 10, 'how often the repository is looked at'),
  driftWindowS: setting(
    'POLYHEAD_DRIFT_WINDOW_S',
    whole(12, 1e7),
    3600,
    'how far back drift is told, of models with a reference.json',
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
    z.enum(PROVIDER_CHOICES),
    'auto',
    'where graphs run: auto, cpu or cuda',
  ),
  ...PROCESS_SETTINGS,
  workers: setting('POLYHEAD_WORKERS', whole(1, 256), workers, 'runs of one model at once, each in a worker thread'),
  threads: setting('POLYHEAD_THREADS', whole(1, 4096), threads, 'most worker threads; small models share them'),
  intraOpThreads: setting('POLYHEAD_INTRA_OP_THREADS', whole(1, 256), 1, 'threads within one run'),
  batchSize: setting('POLYHEAD_BATCH_SIZE', whole(1, 4096), 64, 'most sequences in one run'),
  paddedSteps: setting('POLYHEAD_PADDED_STEPS', whole(1, 1e9), 16384, 'most of batch size x longest length in one run'),
  maxQueueDelayMs: setting('POLYHEAD_MAX_QUEUE_DELAY_MS', whole(0, 10_000), 0, 'how long a batch may wait for company'),
  inlineMs: setting(
    'POLYHEAD_INLINE_MS',
    whole(0, 1000),
    1,
    'longest run, in milliseconds, on the thread that reads requests; longer ones, and all if 0, go to a worker',
  ),
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
      listOf(stateKey),
      '',
      'keys for state tokens, 32 bytes as base64 or hexadecimal digits, separated by commas: the first seals, all open',
    ),
    secret: true,
  },
  stateTokenTtlS: setting('POLYHEAD_STATE_TOKEN_TTL_S', whole(1, 1e9), 86_400, 'how long a state token may be used'),
  streamStore: {
    ...setting(
      'POLYHEAD_STREAM_STORE',
      storeAddress,
      'memory',
      'where streams are kept: memory, or redis://host:port to share them between replicas',
    ),
    file: true,
    shown: withoutPassword,
  },
  streamIdleTimeoutS: setting(
    'POLYHEAD_STREAM_IDLE_TIMEOUT_S',
    whole(1, 1e8),
    3600,
    'how long an unused stream is kept',
  ),
  maxStreams: setting('POLYHEAD_MAX_STREAMS', whole(1, 1e9), 100_000, 'most open streams'),
  streamBytes: setting('POLYHEAD_STREAM_BYTES', whole(1024, 1e12), 256 * MIB, 'most bytes of open streams in memory'),
  grpcPort: setting(
    'POLYHEAD_GRPC_PORT',
    z.union([z.literal('off'), whole(0, 65535)], { error: 'expected off or a port' }),
    'off',
    'port of the Open Inference Protocol over gRPC: off, or a port; 0 takes a free one',
  ),
  grpcTlsCert: setting('POLYHEAD_GRPC_TLS_CERT', z.string(), '', 'PEM file of the certificate for TLS over gRPC'),
  grpcTlsKey: setting('POLYHEAD_GRPC_TLS_KEY', z.string(), '', 'PEM file of its private key'),
  liveWaiting: setting('POLYHEAD_LIVE_WAITING', whole(1, 10_000), 32, 'most unanswered messages of a live connection'),
  livePingMs: setting(
    'POLYHEAD_LIVE_PING_MS',
    whole(10, 3_600_000),
    15_000,
    'how often a live connection is asked whether it is still there',
  ),
  liveIdleTimeoutS: setting(
    'POLYHEAD_LIVE_IDLE_TIMEOUT_S',
    whole(1, 1e6),
    300,
    'how long a live connection may send nothing',
  ),
  corsOrigins: setting(
    'POLYHEAD_CORS_ORIGINS',
    z
      .string()
      .transform(text => text.split(/[\s,]+/).filter(Boolean))
      .pipe(z.array(z.url({ protocol: /^https?$/, error: 'expected origins such as https://example.org' })))
      .transform(origins => origins.map(each => new URL(each).origin)),
    '',
    'origins of web pages that may call and open live connections, beside its own, separated by commas',
  ),
  drainDelayMs: setting(
    'POLYHEAD_DRAIN_DELAY_MS',
    whole(0, 600_000),
    200,
    'how long to answer as unready before closing, at SIGTERM',
  ),
  runTimeoutMs: setting(
    'POLYHEAD_RUN_TIMEOUT_MS',
    whole(100, 3_600_000),
    30_000,
    'a run that takes longer makes the process unready; after twice as long the process ends itself',
  ),
  shutdownTimeoutMs: setting(
    'POLYHEAD_SHUTDOWN_TIMEOUT_MS',
    whole(100, 3_600_000),
    30_000,
    'longest shutdown before the process just ends',
  ),
  cudaDevices: setting(
    'POLYHEAD_CUDA_DEVICE',
    z
      .string()
      .regex(/^\d{1,3}(,\d{1,3})*$/, 'expected a device number, or several separated by commas')
      .transform(text => text.split(',').map(Number)),
    0,
    'CUDA device; workers are spread over several, such as 0,1',
  ),
  cudaTf32: setting(
    'POLYHEAD_CUDA_TF32',
    flag,
    false,
    'let CUDA multiply in TF32: up to twice as fast, with errors of about 1e-3',
  ),
  loadProcesses: setting(
    'POLYHEAD_LOAD_PROCESSES',
    whole(1, 256),
    availableParallelism(),
    'models that are proved at once, each in a process of its own',
  ),
  loadTimeoutMs: setting('POLYHEAD_LOAD_TIMEOUT_MS', whole(100, 3_600_000), 120_000, 'longest proof of one model'),
  loadMemoryBytes: setting(
    'POLYHEAD_LOAD_MEMORY_BYTES',
    whole(MIB, 1e15),
    Math.floor((3 / 4) * totalmem()),
    'most memory that the proof of one model may hold',
  ),
  runBytes: setting('POLYHEAD_RUN_BYTES', whole(MIB, 1e15), 1024 * MIB, 'most memory of a run: it bounds lengths'),
  certificateCache: setting(
    'POLYHEAD_CERTIFICATE_CACHE',
    flag,
    true,
    'keep batching certificates, so that the next start is quick',
  ),
  certificateFolder: setting(
    'POLYHEAD_CERTIFICATE_FOLDER',
    z.string(),
    '',
    'where they are kept; if empty, <repository>/.certificates, where that is writable',
  ),
  docs: setting(
    'POLYHEAD_DOCS',
    z.enum(['public', 'keys', 'off']),
    'public',
    'who sees the API document and /docs: all, those with an API key, or nobody',
  ),
  ...DOOR_SETTINGS,
  ...TELEMETRY_SETTINGS,
} as const;
