// A real Redis of the test's own on a port of loopback, with its data in a temporary folder that outlives its process.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../runner/until.ts';

const PROGRAM = 'redis-server';

/** Why there can be no Redis here, or false. */
export function redisMissing(): string | false {
  const { error, status } = spawnSync(PROGRAM, ['--version']);
  return error || status !== 0 ? `${PROGRAM} is not installed (apt-get install redis-server)` : false;
}

export class Redis {
  readonly port: number;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'polyhead-redis-'));
  #child?: ChildProcess;
  #databases = 0;

  private constructor(port: number) {
    this.port = port;
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  static async start(): Promise<Redis> {
    const redis = new Redis(await freePort());
    await redis.start();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** The address of a database of this Redis that nobody has used. */
  emptyUrl(): string {
    return `${this.url}/${this.#databases++}`;
  }

  /** Starts it, again with the data that it had; every write is with the system before it is answered, and outlives the process. */
  async start(): Promise<void> {
    const options = { dir: this.#folder, bind: '127.0.0.1', port: this.port, databases: 64, save: '' };
    const durable = { appendonly: 'yes', appendfsync: 'no', 'maxmemory-policy': 'noeviction' };
    const args = Object.entries({ ...options, ...durable }).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn(PROGRAM, args, { stdio: 'ignore' });
    this.#child = child;
    await until('Redis answers', async () => {
      if (child.exitCode !== null) throw new Error('redis-server ended');
      return (await this.command('PING').catch(() => '')) === '+PONG';
    });
  }

  /** The first line of the answer to a command without spaces in its arguments. */
  command(text: string, database = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.port, '127.0.0.1', () => socket.write(`SELECT ${database}\r\n${text}\r\n`));
      let answer = '';
      socket.setEncoding('utf8');
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('Redis closed the connection')));
      socket.on('data', data => {
        answer += data;
        const [, line, more] = answer.split('\r\n');
        if (more === undefined) return;
        resolve(line);
        socket.destroy();
      });
    });
  }

  /** Stops it where it stands: connections stay open, nothing is answered. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
