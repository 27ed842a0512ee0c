// A real service and application over a model repository, with a quiet log, for tests.
import { pino } from 'pino';
import { buildApp } from '../../../src/app.ts';
import { type Config, readInvocation } from '../../../src/config.ts';
import type { Tracing } from '../../../src/core/trace.ts';
import { Service } from '../../../src/service/service.ts';
import { VERSION } from '../../../src/version.ts';

/** The repository's root, seen from the compiled test. */
export const ROOT = new URL('../../../../', import.meta.url).pathname;
export const FIXTURES = `${ROOT}test/fixtures/models`;
export const log = pino({ level: 'silent' });

/** What no request needs, on a slow and busy machine either, where its deadline is not what is tested. */
export const PATIENCE_MS = '60000';

/** A configuration as the process would read it from these variables and no others. */
export function configOf(env: Record<string, string> = {}): Config {
  const invocation = readInvocation([], {
    POLYHEAD_MODEL_REPOSITORY: FIXTURES,
    POLYHEAD_CERTIFICATE_CACHE: 'false', // the fixtures stay as they are
    POLYHEAD_REQUEST_TIMEOUT_MS: PATIENCE_MS,
    ...env,
  });
  if (!('config' in invocation)) throw new Error('the configuration asked for a text');
  return invocation.config;
}

export interface TestApp {
  readonly config: Config;
  readonly service: Service;
  readonly app: Awaited<ReturnType<typeof buildApp>>;
  close(): Promise<void>;
}

/** Starts a service and builds its application. `workerFile` replaces the worker thread's entry; every run is then a worker's. */
export async function startApp(
  env: Record<string, string> = {},
  workerFile?: URL,
  tracing?: Tracing,
): Promise<TestApp> {
  const config = configOf(workerFile ? { POLYHEAD_INLINE_MS: '0', ...env } : env);
  const models = { ...config, workerFile, tracing };
  const service = await Service.start({ ...config, version: VERSION, models }, log);
  const app = await buildApp(config, service, log);
  return {
    config,
    service,
    app,
    close: async () => {
      await app.close();
      await service.close();
      await tracing?.close();
    },
  };
}
