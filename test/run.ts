// Runs the compiled tests and closes with a line of totals. Without arguments: everything that needs only Node and npm.
// With some: the files and folders named so (`batching/queue`, `e2e`, `redis`), also those that need what npm does not bring.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const SEPARATE = ['browser', 'clients', 'container', 'operations', 'processors', 'redis', 'third-party'];
/** When a file is taken to hang: several times what the slowest needs on a slow machine, and soon enough to be told of. */
const HANGS_MS = 1_200_000;

const root = import.meta.dirname;
const wanted = process.argv
  .slice(2)
  .map(name => path.normalize(name.replace(/^test\//, '').replace(/\.test\.[jt]s$/, '')));
const all = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.test.js'));
const isNamed = (file: string, name: string) =>
  file === `${name}.test.js` || file.startsWith(path.join(name, path.sep));
for (const name of wanted) {
  if (!all.some(file => isNamed(file, name))) throw new Error(`no test file or folder is called "${name}"`);
}
const files = all
  .filter(file =>
    wanted.length > 0 ? wanted.some(name => isNamed(file, name)) : !SEPARATE.includes(file.split(path.sep)[0]),
  )
  .map(file => path.join(root, file))
  .sort();

process.env.ORT_DISABLE_TELEMETRY = '1';
const totals = { passed: 0, failed: 0, skipped: 0 };
const stream = run({ files, concurrency: 2, timeout: HANGS_MS });
stream.on('test:pass', ({ skip, details }) => {
  if (skip !== undefined && skip !== false) totals.skipped++;
  else if (details.type !== 'suite') totals.passed++;
});
stream.on('test:fail', ({ details }) => {
  // A suite fails with its tests, which are counted, or by itself: then none of them may have run.
  const { failureType } = details.error as { failureType?: string };
  if (details.type !== 'suite' || failureType !== 'subtestsFailed') totals.failed++;
});
stream.compose(new spec()).pipe(process.stdout);
stream.on('end', () => {
  process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
});
process.on('exit', () => {
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
});
