// One serving process: load the models, listen, and end in order; alone, or under a supervisor that it reports to.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import type { Config } from './config.ts';
import { giveBack } from './core/give-back.ts';
import { type Channel, Peer } from './core/peer.ts';
import type { Tracing } from './core/trace.ts';
import type { GrpcServer } from './grpc/server.ts';
import { type Elsewhere, Service } from './service/service.ts';
import type { Progress } from './service/shelves.ts';
import { RemoteStreamStore } from './state/shared-store.ts';
import { VERSION } from './version.ts';
import { watchRuns } from './watchdog.ts';

const IDLE_LOOK_MS = 1000;

export interface Serving {
  /** Settles when every model has been loaded or refused. @throws {LoadError} if that does not do. */
  readonly loaded: Promise<void>;
  /** How far that has come; undefined when it is done. */
  progress(): Progress | undefined;
  /** Unready from now on, but what still arrives is answered. */
  drain(): void;
  /** Answers what is in flight, and ends the workers. */
  close(): Promise<void>;
}

/** Listens, and then loads the models: each answers as soon as it is proved. @throws {LoadError} */
export async function serve(config: Config, log: Logger): Promise<Serving> {
  const service = await open(config, log);
  const doors = await openDoors(config, service, log);
  await doors.listen();
  return {
    loaded: service.load().then(loaded => {
      if (!loaded) return;
      doors.tell();
      giveBackWhenIdle(service);
    }),
    progress: () => service.models.progress,
    drain: () => service.drain(),
    close: async () => {
      await doors.close();
      await close(service);
    },
  };
}

/** Unready for a while first, so that whoever sends requests here hears of it before the end. */
export async function end(serving: Serving, config: Config): Promise<void> {
  serving.drain();
  await delay(config.drainDelayMs);
  await serving.close();
}

/**
 * Serves as one of several processes. What all of them share is the supervisor's: streams, the key of state tokens, the sum
 * of the metrics, and whether a model is loaded in all or none.
 */
export async function serveUnder(supervisor: Channel, config: Config, log: Logger): Promise<void> {
  let service: Service | undefined;
  let opening: Promise<Service> | undefined;
  let doors: Doors | undefined;
  const control = async (act: 'load' | 'unload', model: string) => {
    if (!service) throw new Error('the models are not loaded yet');
    await service.own[act](model);
  };
  const endAll = async () => {
    const opened = await opening?.catch(() => undefined); // threads must not be ended while they run
    await doors?.close();
    if (opened) await close(opened);
  };
  const link: Peer = new Peer(supervisor, {
    load: (model: string) => control('load', model),
    unload: (model: string) => control('unload', model),
    readiness: () => service?.readiness(),
    metrics: () => service?.metrics.registry.getMetricsAsJSON(),
    drain: () => service?.drain(),
    close: async () => {
      await endAll();
      process.exit(0);
    },
  });
  const { stateKeys, alone } = await link.call<Hello>('hello');
  const elsewhere: Elsewhere = {
    streams: config.streamStore === 'memory' ? new RemoteStreamStore((...args) => link.call(...args)) : undefined,
    load: model => link.call('load', model),
    unload: model => link.call('unload', model),
    metrics: () => link.call('metrics'),
  };
  opening = open({ ...config, stateKeys: stateKeys.map(key => Buffer.from(key)) }, log, elsewhere);
  service = await opening;
  doors = await openDoors(config, service, log);
  const listen = async () => {
    await doors?.listen();
    await link.call('listening');
  };
  if (alone) await listen();
  try {
    if (!(await service.load())) return;
  } catch (error) {
    await endAll();
    throw error;
  }
  giveBackWhenIdle(service);
  await leaveOut(await link.call('loaded'), service);
  if (!alone) {
    await link.call('turn'); // a spare waits here until it is needed
    await listen();
  }
  doors.tell();
  await link.call('serving');
}

/** All at once, so that whatever the supervisor says next of one of these models comes after. */
async function leaveOut(models: readonly string[], { own }: Service): Promise<void> {
  await Promise.allSettled(models.map(model => own.unload(model))); // one may be gone from the repository
}

/** As soon as nobody waits for an answer: it holds the event loop for a moment. */
function giveBackWhenIdle({ models }: Service): void {
  const look = setInterval(() => {
    if (models.all().some(({ batcher }) => batcher.pending > 0)) return;
    clearInterval(look);
    void giveBack();
  }, IDLE_LOOK_MS).unref();
}

/** What a process hears of its supervisor first. */
interface Hello {
  readonly stateKeys: readonly Uint8Array[];
  /** Whether no other process serves or is about to. */
  readonly alone: boolean;
}

async function open(config: Config, log: Logger, elsewhere?: Elsewhere): Promise<Service> {
  const told: { service?: Service } = {};
  const tracing = config.traces === 'off' ? undefined : await startTracing(config, log, told);
  const service = await Service.open({ ...config, version: VERSION, models: { ...config, tracing } }, log, elsewhere);
  told.service = service;
  watchRuns(service, config.runTimeoutMs, log);
  return service;
}

/** Nobody else pays for the library. */
async function startTracing(config: Config, log: Logger, told: { service?: Service }): Promise<Tracing> {
  const { startTracing } = await import('./telemetry/otlp.ts');
  const onSpans = (outcome: string, count: number) => told.service?.metrics.spans.inc({ outcome }, count);
  return startTracing({ version: VERSION, share: config.traceShare, onSpans }, log);
}

async function close(service: Service): Promise<void> {
  await service.close();
  await service.tracing?.close();
}

/** HTTP, and gRPC where that is asked for. */
interface Doors {
  listen(): Promise<void>;
  /** Says in the log where to go. */
  tell(): void;
  close(): Promise<void>;
}

async function openDoors(config: Config, service: Service, log: Logger): Promise<Doors> {
  const app = await buildApp(config, service, log);
  let origin = '';
  let grpc: GrpcServer | undefined;
  return {
    listen: async () => {
      origin = await app.listen({ host: config.host, port: config.port, backlog: 4096 });
      if (config.grpcPort !== 'off') grpc = await listenGrpc(config, service, log);
    },
    tell: () => {
      log.info(
        { page: `${origin}/`, docs: `${origin}/docs`, document: `${origin}/openapi.json` },
        `ready: the page is at ${origin}/, the API at ${origin}/docs`,
      );
    },
    close: async () => {
      await Promise.all([app.close(), grpc?.close()]);
    },
  };
}

async function listenGrpc(config: Config, service: Service, log: Logger): Promise<GrpcServer> {
  const { startGrpc } = await import('./grpc/server.ts');
  const server = await startGrpc(service, config);
  log.info(`gRPC listening on port ${server.port}`);
  return server;
}
