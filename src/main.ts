#!/usr/bin/env node
// The process: read the configuration, load the models, listen, and end in order.
import { setTimeout as delay } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import { pino } from 'pino';
import { buildApp } from './app.ts';
import { type Config, ConfigError, readInvocation } from './config.ts';
import { LoadError, messageOf } from './core/errors.ts';
import { Service } from './service/service.ts';
import { VERSION } from './version.ts';

async function serve(config: Config): Promise<void> {
  const log = pino({ level: config.logLevel });

  // The first signal drains; the second ends the process at once. Signals are heard from the start: process 1 of a
  // container would ignore them otherwise while models load (and a thread must not be ended while it runs).
  const starting = Service.start({ ...config, version: VERSION, models: config }, log);
  let drain = async () => (await starting).close();
  closeWithGrace({ delay: config.shutdownTimeoutMs, logger: log }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'an error nobody caught');
    log.info({ signal }, 'draining');
    await drain();
    log.info('ended');
  });

  const service = await starting;
  const app = await buildApp(config, service, log);
  drain = async () => {
    service.drain();
    await delay(config.drainDelayMs);
    await app.close();
    await service.close();
  };
  if (!service.draining) await app.listen({ host: config.host, port: config.port, backlog: 4096 });
}

try {
  const invocation = readInvocation(process.argv.slice(2));
  if ('print' in invocation) console.log(invocation.print);
  else await serve(invocation.config);
} catch (error) {
  const { code, port, syscall = '' } = error as NodeJS.ErrnoException & { port?: number };
  if (error instanceof ConfigError || error instanceof LoadError) console.error(`polyhead: ${error.message}`);
  else if (code === 'EADDRINUSE') console.error(`polyhead: port ${port} is taken; choose another with --port`);
  else if (/^(listen|bind|getaddrinfo)$/.test(syscall)) console.error(`polyhead: ${messageOf(error)}`);
  else console.error(error);
  process.exit(1);
}
