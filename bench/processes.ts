// Child processes under test: started on a free port, measured, ended by their own id.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Server {
  readonly pid: number;
  readonly url: string;
  end(): Promise<void>;
}

export async function startServer(script: string, args: (port: number) => string[]): Promise<Server> {
  const port = await freePort();
  const child = spawn(process.execPath, [script, ...args(port)], { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `http://127.0.0.1:${port}`;
  await answering(url, child);
  return {
    pid: child.pid as number,
    url,
    end: () =>
      new Promise(resolve => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise(resolve => probe.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 2400; tries++) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if (
      await fetch(`${url}/readyz`).then(
        ({ status }) => status !== 503, // models may still be loading
        () => false,
      )
    )
      return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  throw new Error('the server does not answer');
}

/** The server's own metrics: counters and sums by name, labels left out (one model is loaded). */
export async function scrape(url: string): Promise<Map<string, number>> {
  // On a connection of its own: one that is kept may be closed by the server while a load is driven.
  const [response] = (await once(http.get(`${url}/metrics`, { agent: false }), 'response')) as [http.IncomingMessage];
  const body = await text(response);
  const samples = new Map<string, number>();
  for (const line of body.split('\n')) {
    const match = /^([a-z0-9_]+)(?:\{[^}]*\})? ([^ ]+)$/.exec(line);
    if (match && !match[1].endsWith('_bucket')) samples.set(match[1], Number(match[2]));
  }
  return samples;
}
