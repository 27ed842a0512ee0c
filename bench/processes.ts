// Child processes under test: started on a free port, measured, ended by their own id.
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';

export interface Server {
  readonly url: string;
  end(): Promise<void>;
}

export async function startServer(script: string, args: (port: number) => string[]): Promise<Server> {
  const port = await freePort();
  const child = spawn(process.execPath, [script, ...args(port)], { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `http://127.0.0.1:${port}`;
  await answering(url, child);
  return {
    url,
    end: () =>
      new Promise(resolve => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise(resolve => probe.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if (
      await fetch(url).then(
        () => true,
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
  const text = await (await fetch(`${url}/metrics`)).text();
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([a-z0-9_]+)(?:\{[^}]*\})? ([^ ]+)$/.exec(line);
    if (match && !match[1].endsWith('_bucket')) samples.set(match[1], Number(match[2]));
  }
  return samples;
}
