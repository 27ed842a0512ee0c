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
  const service = await Service.start({ ...config, version: VERSION, models: config }, log);
  const app = await buildApp(config, service, log);

  // The first signal drains; the second ends the process at once. Whoever reads that it listens may already signal.
  closeWithGrace({ delay: config.shutdownTimeoutMs, logger: log }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'an error nobody caught');
    log.info({ signal }, 'draining');
    service.drain();
    await delay(config.drainDelayMs);
    await app.close();
    await service.close();
    log.info('ended');
  });
  await app.listen({ host: config.host, port: config.port, backlog: 4096 });
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
