#!/usr/bin/env node
// The process: reads the configuration and serves alone, or supervises processes that serve. What only a serving process
// needs is imported there: the supervisor stays small.
import cluster from 'node:cluster';
import { once } from 'node:events';
import closeWithGrace from 'close-with-grace';
import { type Logger, pino } from 'pino';
import { type Config, ConfigError, readInvocation } from './config.ts';
import { LoadError, messageOf } from './core/errors.ts';
import { LogOutput } from './log-output.ts';
import { sparesOf } from './seat.ts';
import { TerminalLog } from './terminal-log.ts';

/** Serves in this process. */
async function serveAlone(config: Config, log: Logger, terminal?: TerminalLog): Promise<void> {
  const { end, serve } = await import('./serve.ts');
  const starting = serve(config, log);
  // Signals are heard from the start: process 1 of a container would ignore them otherwise while models load, and a thread
  // must not be ended while it runs.
  endInOrder(config, log, async () => end(await starting, config));
  const serving = await starting;
  const unfollow = terminal?.follow(serving.progress);
  try {
    await serving.loaded;
  } catch (error) {
    await serving.close();
    throw error;
  } finally {
    unfollow?.();
  }
}

async function superviseSeveral(config: Config, log: Logger): Promise<void> {
  const [{ Supervisor }, { operationsServer }] = await Promise.all([
    import('./supervisor.ts'),
    import('./operations.ts'),
  ]);
  const supervisor = new Supervisor(config, log);
  endInOrder(config, log, () => supervisor.close());
  if (config.operationsPort !== 0) {
    const server = operationsServer(supervisor, config);
    server.listen(config.operationsPort, config.host);
    await once(server, 'listening').catch(error => {
      throw error.code === 'EADDRINUSE' ? LoadError.portTaken(error.port, '--operations-port') : error;
    });
    log.info(`Operations listening at http://${config.host}:${config.operationsPort}`);
  }
  if (!(await supervisor.start())) process.exit(1);
}

/** One of several: signals are the supervisor's to hear, which tells when to end; without it, this ends at once. */
async function serveAsOne(config: Config, log: Logger): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => {});
  process.on('uncaughtException', err => {
    log.fatal({ err }, 'an error nobody caught');
    process.exit(1);
  });
  const { serveUnder } = await import('./serve.ts');
  await serveUnder(process, config, log);
}

/** The first signal drains; the second ends the process at once. */
function endInOrder(config: Config, log: Logger, drain: () => Promise<void>): void {
  closeWithGrace({ delay: config.shutdownTimeoutMs, logger: log }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'an error nobody caught');
    log.info({ signal }, 'draining');
    await drain();
    log.info('ended');
  });
}

function run(config: Config): Promise<void> {
  const terminal = process.stdout.isTTY ? new TerminalLog(process.stdout) : undefined;
  const log = pino({ level: config.logLevel }, terminal ?? LogOutput.standard());
  if (cluster.isWorker) return serveAsOne(config, log);
  const several = config.processes > 1 || sparesOf(config) > 0 || config.operationsPort !== 0;
  return several ? superviseSeveral(config, log) : serveAlone(config, log, terminal);
}

try {
  const invocation = readInvocation(process.argv.slice(2));
  if ('print' in invocation) console.log(invocation.print);
  else await run(invocation.config);
} catch (error) {
  const { code, port, syscall = '' } = error as NodeJS.ErrnoException & { port?: number };
  if (error instanceof ConfigError || error instanceof LoadError) console.error(`polyhead: ${error.message}`);
  else if (code === 'EADDRINUSE') console.error(`polyhead: ${LoadError.portTaken(port, '--port').message}`);
  else if (/^(listen|bind|getaddrinfo)$/.test(syscall)) console.error(`polyhead: ${messageOf(error)}`);
  else console.error(error);
  process.exit(1);
}
