// Streams in Redis or Valkey, so that they outlive a restart and any replica may take the next step.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { createClient } from '@redis/client';
import type { Logger } from 'pino';
import { ServiceError } from '../core/errors.ts';
import { Seldom } from '../core/seldom.ts';
import {
  type Held,
  inFlight,
  lost,
  noRoom,
  notFound,
  type StreamBounds,
  type StreamRecord,
  type StreamStore,
} from './store.ts';

type Client = ReturnType<typeof createClient>;
type Argument = string | Buffer;

/** One tag for all keys: a script's keys must lie on one node of a cluster. */
const PREFIX = '{polyhead}:stream:';
const INDEX = '{polyhead}:streams';
const ANSWER_MS = 2000;
const RETRY_MS = 20;
const COUNT_EVERY_MS = 5000;

/**
 * Each script is one indivisible step. KEYS: record, lock, index. A record's fields are written as they are given, all of
 * them, and before anything else is: a Redis that is full refuses a script at its first write only.
 */
const CREATE = `
if redis.call('EXISTS', KEYS[2]) == 1 then return 'BUSY' end
local mine = tonumber(redis.call('ZSCORE', KEYS[3], KEYS[1]) or '0') > tonumber(ARGV[1])
if not mine and redis.call('ZCOUNT', KEYS[3], '(' .. ARGV[1], '+inf') >= tonumber(ARGV[3]) then return 'FULL' end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[1] + ARGV[2], KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[1])
return 'OK'`;
const HOLD = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 'NONE' end
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 'BUSY' end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('HGETALL', KEYS[1])`;
const COMMIT = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] or redis.call('EXISTS', KEYS[1]) == 0 then return 'LOST' end
redis.call('HSET', KEYS[1], 'state', ARGV[4], 'length', ARGV[5], 'usedMs', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[3], ARGV[2] + ARGV[3], KEYS[1])
redis.call('DEL', KEYS[2])
return 'OK'`;
const RELEASE = `
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 'OK'`;
const REMOVE = `
if redis.call('EXISTS', KEYS[2]) == 1 then return 'BUSY' end
redis.call('ZREM', KEYS[3], KEYS[1])
return redis.call('DEL', KEYS[1])`;

/** The number of streams is bounded, and their bytes by Redis itself (`maxmemory`, with `noeviction`). */
export class RedisStreamStore implements StreamStore {
  readonly #client: Client;
  readonly #bounds: StreamBounds;
  readonly #types: Record<number, typeof Buffer>;
  readonly #counting: NodeJS.Timeout;
  #streams = 0;

  private constructor(client: Client, bounds: StreamBounds, types: Record<number, typeof Buffer>) {
    this.#client = client;
    this.#bounds = bounds;
    this.#types = types;
    const count = () =>
      this.#command(['ZCOUNT', INDEX, `(${Date.now()}`, '+inf']).then(
        found => {
          this.#streams = Number(found);
        },
        () => {},
      );
    this.#counting = setInterval(count, COUNT_EVERY_MS).unref();
  }

  /** Connects in the background: while Redis cannot be reached, streams answer STREAMS_UNAVAILABLE and all else goes on. */
  static async open(url: string, bounds: StreamBounds, log: Logger): Promise<RedisStreamStore> {
    const { createClient, RESP_TYPES } = await import('@redis/client');
    const client = createClient({
      url,
      RESP: 2, // a hash is a list of names and values, in a script's answer as in a command's
      disableOfflineQueue: true,
      socket: {
        connectTimeout: ANSWER_MS,
        reconnectStrategy: retries => Math.min(50 * 2 ** Math.min(retries, 6), ANSWER_MS),
      },
    });
    let reachable = true;
    const lines = new Seldom(); // it may come and go many times a second
    client.on('error', error => {
      const leftOut = reachable ? lines.next('away') : undefined;
      if (leftOut !== undefined)
        log.warn({ err: error, leftOut: leftOut || undefined }, 'the stream store cannot be reached');
      reachable = false;
    });
    client.on('ready', () => {
      if (!reachable && lines.next('back') !== undefined) log.info('the stream store is back');
      reachable = true;
    });
    await Promise.race([
      client.connect().catch(() => {}),
      new Promise(resolve => setTimeout(resolve, ANSWER_MS).unref()),
    ]);
    return new RedisStreamStore(client as Client, bounds, { [RESP_TYPES.BLOB_STRING]: Buffer });
  }

  async create(record: StreamRecord): Promise<void> {
    const { idleMs, streams } = this.#bounds;
    const fields = Object.entries(record).flatMap(([name, value]): Argument[] => [
      name,
      typeof value === 'object' ? Buffer.from(value as Uint8Array) : String(value),
    ]);
    const answer = await this.#script(CREATE, record.id, [
      String(Date.now()),
      String(idleMs),
      String(streams),
      ...fields,
    ]);
    if (says(answer, 'BUSY')) throw inFlight();
    if (says(answer, 'FULL')) throw noRoom();
  }

  async read(id: string): Promise<StreamRecord | undefined> {
    return recordOf(await this.#command(['HGETALL', PREFIX + id]));
  }

  async hold(id: string, holdMs: number, patienceMs = 0): Promise<Held> {
    const deadlineMs = performance.now() + patienceMs;
    for (;;) {
      const held = await this.#tryHold(id, holdMs);
      if (held) return held;
      if (performance.now() >= deadlineMs) throw inFlight();
      await delay(RETRY_MS);
    }
  }

  /** Nothing if a step of another process, or an older one of this, holds the stream. */
  async #tryHold(id: string, holdMs: number): Promise<Held | undefined> {
    const lock = randomUUID();
    const answer = await this.#script(HOLD, id, [lock, String(holdMs)]).catch(error => {
      this.#script(RELEASE, id, [lock]).catch(() => {}); // a Redis that only was slow may yet take it for us
      throw error;
    });
    if (says(answer, 'BUSY')) return undefined;
    const record = recordOf(answer);
    if (!record) throw notFound();
    return { record, lock };
  }

  async commit({ record, lock }: Held, state: Uint8Array, length: number): Promise<void> {
    const { idleMs } = this.#bounds;
    const values = [lock, String(Date.now()), String(idleMs), Buffer.from(state), String(length)];
    if (!says(await this.#script(COMMIT, record.id, values), 'OK')) throw lost();
  }

  async release({ record, lock }: Held): Promise<void> {
    await this.#script(RELEASE, record.id, [lock]);
  }

  async remove(id: string): Promise<boolean> {
    const answer = await this.#script(REMOVE, id, []);
    if (says(answer, 'BUSY')) throw inFlight();
    return Number(answer) > 0;
  }

  /** The streams of all replicas, as counted some seconds ago. */
  usage(): { streams: number; bytes: number } {
    return { streams: this.#streams, bytes: 0 };
  }

  async close(): Promise<void> {
    clearInterval(this.#counting);
    this.#client.destroy();
  }

  #script(script: string, id: string, values: readonly Argument[]): Promise<unknown> {
    const key = PREFIX + id;
    return this.#command(['EVAL', script, '3', key, `${key}:lock`, INDEX, ...values]);
  }

  /** @throws {ServiceError} STREAMS_UNAVAILABLE if Redis does not answer in time, or refuses. */
  async #command(args: readonly Argument[]): Promise<unknown> {
    let late: NodeJS.Timeout | undefined;
    try {
      return await Promise.race([
        this.#client.sendCommand(args, { typeMapping: this.#types }),
        new Promise((_, reject) => {
          late = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
        }),
      ]);
    } catch (error) {
      throw new ServiceError(
        'STREAMS_UNAVAILABLE',
        'the stream store does not answer or has no room; try again shortly',
        {
          cause: error,
        },
      );
    } finally {
      clearTimeout(late);
    }
  }
}

function says(answer: unknown, word: string): boolean {
  return (typeof answer === 'string' || Buffer.isBuffer(answer)) && answer.toString() === word;
}

/** A record from HGETALL's list of names and values; nothing if there is none. */
function recordOf(answer: unknown): StreamRecord | undefined {
  const items = Array.isArray(answer) ? (answer as Buffer[]) : [];
  const fields = new Map<string, Buffer>();
  for (let i = 0; i + 1 < items.length; i += 2) fields.set(items[i].toString(), items[i + 1]);
  if (fields.size === 0) return undefined;
  const text = (name: string) => fields.get(name)?.toString() ?? '';
  return {
    id: text('id'),
    model: text('model'),
    version: text('version'),
    digest: text('digest'),
    createdMs: Number(text('createdMs')),
    usedMs: Number(text('usedMs')),
    length: Number(text('length')),
    state: fields.get('state') ?? Buffer.alloc(0),
  };
}
