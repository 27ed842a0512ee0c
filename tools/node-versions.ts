// Runs the tests under other versions of Node, which npm brings as packages: `npm run test:node -- 22 runtime batching`.
// Without arguments the whole suite under each supported version; the last line is the sum of the totals.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

const SUPPORTED = ['20.19', '22', '24'];
const ROOT = path.join(import.meta.dirname, '../..');
const CACHE = path.join(ROOT, 'node_modules/.cache/node');

/** Installs a version of Node below node_modules, where it is no dependency of anything. Returns its folder of programs. */
function install(version: string): string {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const prefix = path.join(CACHE, version);
  mkdirSync(prefix, { recursive: true });
  const options = ['--no-save', '--no-audit', '--no-fund', '--prefix', prefix];
  const { status } = spawnSync('npm', ['install', ...options, `${name}@${version}`], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${name}@${version} cannot be installed`);
  return path.join(prefix, 'node_modules', name, 'bin');
}

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs the compiled tests with the Node in `folder`, which also stands first on the path. */
async function runTests(folder: string, names: readonly string[]): Promise<Totals> {
  const env = { ...process.env, PATH: `${folder}${path.delimiter}${process.env.PATH}` };
  const runner = [path.join(ROOT, 'dist/test/run.js'), ...names];
  const child = spawn(path.join(folder, 'node'), runner, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let tail = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    process.stdout.write(text);
    tail = (tail + text).slice(-200);
  });
  const code = await new Promise(resolve => child.once('close', resolve));
  const [, passed, failed, skipped] = /^(\d+) passed, (\d+) failed, (\d+) skipped\s*$/m.exec(tail)?.map(Number) ?? [];
  if (passed === undefined) return { passed: 0, failed: 1, skipped: 0 };
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed, skipped };
}

const [only, ...names] = process.argv.slice(2);
const sum: Totals = { passed: 0, failed: 0, skipped: 0 };
const lines: string[] = [];
for (const version of only ? [only] : SUPPORTED) {
  const folder = install(version);
  const exact = spawnSync(path.join(folder, 'node'), ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`Node ${exact}${names.length > 0 ? `: ${names.join(', ')}` : ''}`);
  const { passed, failed, skipped } = await runTests(folder, names);
  lines.push(`Node ${exact}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  sum.passed += passed;
  sum.failed += failed;
  sum.skipped += skipped;
}
console.log(lines.join('\n'));
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
if (sum.failed > 0) process.exitCode = 1;
