// npm run dev: compiles on every change, and starts the server anew after each compilation without errors.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '../..');
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const args = process.argv.slice(2);
let server: ChildProcess | undefined;
/** Restarts follow one another, so that the old server has left its port. */
let last = Promise.resolve();

async function restart(): Promise<void> {
  if (server && server.exitCode === null && server.signalCode === null) {
    server.kill();
    await once(server, 'exit');
  }
  server = spawn(process.execPath, [path.join(ROOT, 'dist/src/main.js'), ...args], { cwd: ROOT, stdio: 'inherit' });
}

const compiler = spawn(process.execPath, [tsc, '-p', 'tsconfig.json', '--watch', '--preserveWatchOutput'], {
  cwd: ROOT,
  stdio: ['ignore', 'pipe', 'inherit'],
});
let line = '';
compiler.stdout.setEncoding('utf8').on('data', (text: string) => {
  process.stdout.write(text);
  const lines = (line + text).split('\n');
  line = lines.pop() ?? '';
  if (lines.some(complete => /Found 0 errors/.test(complete))) last = last.then(restart);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    compiler.kill();
    server?.kill();
  });
}
