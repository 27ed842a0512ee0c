// Starts several serving processes on one port, and spare ones that take the place of those that end or hang; watches them, starts
// anew what is gone, and keeps what they share.
import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { ServiceError } from './core/errors.ts';
import { Peer, PeerLost } from './core/peer.ts';
import { Turns } from './core/turns.ts';
import { ProcessMetrics } from './process-metrics.ts';
import { emptySeat, NO_PROCESS, type Seat, sparesOf } from './seat.ts';
import { SharedStreams } from './state/shared-store.ts';
import { MemoryStreamStore } from './state/store.ts';

const TICK_MS = 1000;
/** A process that stood as long is started anew at once. */
const SOUND_MS = 10_000;
const BACKOFF_MS = { first: 100, most: 10_000 };

export class Supervisor {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #seats: Seat[];
  readonly #streams: SharedStreams;
  readonly #stateKeys: readonly Uint8Array[];
  readonly #metrics: ProcessMetrics;
  /** Models that were taken out of service; a process that starts later leaves them out too. */
  readonly #unloaded = new Set<string>();
  readonly #turns = new Turns();
  readonly #watch: NodeJS.Timeout;
  #draining = false;
  /** Whether the first process came to serve: from then on what ends is started again. */
  #started = false;

  constructor(config: Config, log: Logger) {
    this.#config = config;
    this.#log = log;
    const bounds = { idleMs: config.streamIdleTimeoutS * 1000, streams: config.maxStreams, bytes: config.streamBytes };
    this.#streams = new SharedStreams(new MemoryStreamStore(bounds));
    this.#stateKeys = config.stateKeys.length > 0 ? config.stateKeys : [randomBytes(32)];
    this.#seats = Array.from({ length: config.processes + sparesOf(config) }, (_, id) => emptySeat(id));
    process.on('exit', () => this.#killAll()); // also where the end took too long, or a second signal came
    const store = config.streamStore === 'memory' ? this.#streams.store : undefined;
    this.#metrics = new ProcessMetrics(this.#seats, store);
    // The kernel hands out connections. Node's own turns leave a connection hanging whose process dies as it is handed over.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({ serialization: 'advanced' }); // state is bytes
    this.#watch = setInterval(() => this.#tick(), TICK_MS);
  }

  get #serving(): Seat[] {
    return this.#seats.filter(seat => seat.serving);
  }

  get ready(): boolean {
    return !this.#draining && this.#serving.some(seat => seat.readiness?.ready);
  }

  /** What the first ready process says, or the first of all. */
  get readiness(): unknown {
    if (this.#draining) return { ready: false, status: 'draining', models: [], refused: [] };
    const said = this.#seats.flatMap(({ listening, readiness }) => (listening && readiness) || []);
    return (
      said.find(({ ready }) => ready) ??
      said[0] ?? { ready: false, status: 'no process is serving', models: [], refused: [] }
    );
  }

  /**
   * Starts the first process, and when it serves the others: what it found out about the models they need not find out again.
   * Spares come last. Resolves when all stand or the end has begun; with false if the first one could not serve, having said
   * why itself.
   */
  async start(): Promise<boolean> {
    const [first, ...others] = this.#seats;
    const spares = others.splice(this.#config.processes - 1);
    this.#started = await this.#spawn(first);
    if (this.#draining || !this.#started) return this.#draining;
    for (const seats of [others, spares]) if (!this.#draining) await Promise.all(seats.map(seat => this.#spawn(seat)));
    return true;
  }

  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  /** Unready at once; then one process after the other ends, so that the others still answer. */
  async close(): Promise<void> {
    this.#draining = true;
    clearInterval(this.#watch);
    for (const { retry } of this.#seats) clearTimeout(retry);
    const living = this.#seats.filter(seat => seat.worker);
    for (const { peer } of living) peer?.call('drain').catch(() => {});
    await delay(this.#config.drainDelayMs);
    for (const { worker, peer, greeted } of living) {
      if (!greeted) worker?.process.kill('SIGKILL'); // it has begun nothing, and would not hear of the end
      const ended = new Promise(resolve => worker?.once('exit', resolve));
      peer?.call('close').catch(() => {});
      if (worker?.isConnected()) await ended;
    }
    await this.#streams.store.close();
  }

  /** Starts the seat's process; says whether it came to serve, or to be a spare. */
  #spawn(seat: Seat): Promise<boolean> {
    const worker = cluster.fork();
    return new Promise(resolve => {
      seat.worker = worker;
      seat.silent = 0;
      seat.peer = new Peer(worker as never, {
        ...this.#streams.handlersFor(seat.id),
        hello: () => {
          seat.greeted = true;
          const alone = !this.#seats.some(({ chosen }) => chosen);
          seat.chosen = alone;
          return { stateKeys: this.#stateKeys, alone };
        },
        loaded: () => {
          seat.loaded = true;
          return [...this.#unloaded];
        },
        turn: async () => {
          seat.standsSinceMs = performance.now();
          if (this.#short) seat.chosen = true;
          else await this.#wait(seat, resolve);
        },
        listening: () => {
          seat.listening = true;
          return this.#ask(seat);
        },
        serving: () => {
          seat.serving = true;
          seat.standsSinceMs = performance.now();
          this.#ask(seat).then(
            () => resolve(true),
            () => resolve(false),
          );
        },
        load: (model: string) => this.#inAll('load', model),
        unload: (model: string) => this.#inAll('unload', model),
        metrics: () => this.metrics(),
      });
      const gone = (reason: string) => {
        this.#lost(seat, reason);
        resolve(false);
      };
      worker.once('exit', (code, signal) => gone(`it ended by ${signal ?? `exit code ${code}`}`));
      worker.on('error', ({ message: reason }) => {
        if (worker.process.pid !== undefined) return; // what it could not be sent: its exit follows
        this.#log.error({ process: seat.id, reason }, 'a process cannot be started');
        gone(reason);
      });
    });
  }

  #lost(seat: Seat, reason: string): void {
    const { chosen, begin, serving } = seat;
    seat.peer?.lose(new PeerLost('the process is gone'));
    Object.assign(seat, NO_PROCESS);
    this.#streams.forget(seat.id).catch(() => {}); // in memory nothing fails
    if (this.#draining || !this.#started) return;
    const sound = (serving || begin) && performance.now() - seat.standsSinceMs > SOUND_MS;
    seat.failures = sound ? 0 : seat.failures + 1;
    const waitMs = sound ? 0 : Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** (seat.failures - 1));
    this.#metrics.restarts.inc();
    this.#log.error({ process: seat.id, reason, waitMs }, `a ${kindOf(begin)} process is gone; it is started again`);
    if (chosen) this.#promote();
    seat.retry = setTimeout(() => this.#spawn(seat), waitMs);
  }

  /** Whether fewer processes serve, or are about to, than should. */
  get #short(): boolean {
    return this.#seats.filter(({ chosen }) => chosen).length < this.#config.processes;
  }

  /** Resolves when the spare in this seat is to serve. */
  #wait(seat: Seat, stands: (well: boolean) => void): Promise<void> {
    this.#log.info({ process: seat.id, childPid: seat.worker?.process.pid }, 'a spare process is ready');
    stands(true);
    return new Promise(begin => {
      seat.begin = begin;
    });
  }

  /** The spare that has waited longest takes the place of one that is gone. Where none is ready, the first that is will. */
  #promote(): void {
    const spare = this.#seats.filter(({ begin }) => begin).sort((a, b) => a.standsSinceMs - b.standsSinceMs)[0];
    if (!spare) return;
    this.#log.info({ process: spare.id }, 'a spare process takes its place');
    spare.chosen = true;
    spare.begin?.();
    spare.begin = undefined;
  }

  #killAll(): void {
    for (const { worker } of this.#seats) worker?.process.kill('SIGKILL');
  }

  /** Asks every process how it is, and kills one that has not answered for too long. */
  #tick(): void {
    for (const seat of this.#seats.filter(({ loaded, listening }) => loaded || listening)) {
      if ((seat.serving || seat.begin) && ++seat.silent * TICK_MS > this.#config.hangTimeoutMs) {
        this.#log.error({ process: seat.id }, `a ${kindOf(seat.begin)} process hangs; it is killed`);
        seat.worker?.process.kill('SIGKILL');
      } else {
        this.#ask(seat).catch(() => {}); // its end is heard of elsewhere
      }
    }
  }

  async #ask(seat: Seat): Promise<void> {
    seat.readiness = await seat.peer?.call<{ ready: boolean }>('readiness');
    seat.silent = 0;
  }

  /**
   * Loads or unloads a model in every process, or in none: what the first refuses is refused, and a process that then
   * cannot do what the first could is started anew, from the same repository.
   */
  #inAll(act: 'load' | 'unload', model: string): Promise<void> {
    return this.#turns.run(model, async () => {
      const [first] = this.#serving;
      if (!first?.peer) throw noneToAsk();
      const others = this.#seats.filter(seat => seat.loaded && seat !== first);
      await first.peer.call(act, model).catch(error => {
        throw error instanceof PeerLost ? noneToAsk(error) : error;
      });
      if (act === 'unload') this.#unloaded.add(model);
      else this.#unloaded.delete(model);
      await Promise.all(
        others.map(seat =>
          seat.peer?.call(act, model).catch(error => {
            this.#log.error({ process: seat.id, err: error }, `a serving process cannot ${act} ${model}; it is killed`);
            seat.worker?.process.kill('SIGKILL');
          }),
        ),
      );
    });
  }
}

const kindOf = (begin?: () => void) => (begin ? 'spare' : 'serving');

/** It ended before it answered, or has not begun: in the others nothing has changed. */
function noneToAsk(cause?: Error): ServiceError {
  return new ServiceError('NOT_READY', 'the process that was asked is being started again; try again shortly', {
    cause,
  });
}
