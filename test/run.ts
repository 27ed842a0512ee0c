// Runs the compiled tests and closes with a line of totals. Without an argument: everything that needs only Node and
// npm. With one: the tests of that folder, which need what npm does not bring.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const SEPARATE = ['browser', 'clients', 'container', 'redis', 'third-party'];
const root = import.meta.dirname;
const [only] = process.argv.slice(2);
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.test.js'))
  .filter(file => (only ? file.startsWith(`${only}${path.sep}`) : !SEPARATE.includes(file.split(path.sep)[0])))
  .map(file => path.join(root, file))
  .sort();

process.env.ORT_DISABLE_TELEMETRY = '1';
const totals = { passed: 0, failed: 0, skipped: 0 };
const stream = run({ files, concurrency: 2, timeout: 300_000 });
stream.on('test:pass', ({ skip, details }) => {
  if (skip !== undefined && skip !== false) totals.skipped++;
  else if (details.type !== 'suite') totals.passed++;
});
stream.on('test:fail', ({ details }) => {
  if (details.type !== 'suite') totals.failed++;
});
stream.compose(new spec()).pipe(process.stdout);
stream.on('end', () => {
  process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
});
process.on('exit', () => {
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
});
