// The house rules of the source tree: who may import whom, and who alone may touch the runtime, the environment and HTTP.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ROOT } from './support/server/service.ts';

const FLOORS = ['core', 'model', 'runtime', 'batching', 'service', 'http'];
const TOP = FLOORS.length;
const LINES = 250;
const IMPORT = /\b(?:from|import)\s*\(?\s*'([^']+)'/g;

/** Every rule that a file breaks; `file` is relative to src/. */
function faultsOf(file: string, text: string): string[] {
  const faults: string[] = [];
  const [room] = file.split('/');
  const floor = floorOf(file);
  for (const [, target] of text.matchAll(IMPORT)) {
    if (target === 'onnxruntime-node' && file !== 'runtime/session.ts') faults.push('imports the runtime');
    if (/^@?fastify/.test(target) && room !== 'http' && file.includes('/')) faults.push(`imports ${target}`);
    if (!target.startsWith('.')) continue;
    const to = path.posix.join(path.posix.dirname(file), target);
    if (floorOf(to) > floor) faults.push(`imports upward: ${to}`);
    for (const [skin, other] of [
      ['rest', 'oip'],
      ['oip', 'rest'],
    ]) {
      if (file.startsWith(`http/${skin}/`) && to.startsWith(`http/${other}/`)) faults.push(`imports ${to}`);
    }
  }
  if (/process\s*\.\s*env/.test(text) && file !== 'config.ts') faults.push('mentions process.env');
  if (text.split('\n').length - 1 > LINES) faults.push(`is longer than ${LINES} lines`);
  return faults.map(fault => `src/${file} ${fault}`);
}

function floorOf(file: string): number {
  const [room, ...rest] = file.split('/');
  if (rest.length === 0 || room === 'cli') return TOP;
  const floor = FLOORS.indexOf(room);
  assert.ok(floor >= 0, `src/${room} stands on no floor`);
  return floor;
}

test('no file of src breaks a rule of the house', () => {
  const files = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter(f =>
    f.endsWith('.ts'),
  );
  assert.ok(files.length > 30, `only ${files.length} files found`);
  const faults = files.flatMap(file => faultsOf(file, readFileSync(path.join(ROOT, 'src', file), 'utf8')));
  assert.deepEqual(faults, []);
});

test('every folder of src but core is imported by some file above it', () => {
  const main = readFileSync(path.join(ROOT, 'src/service/loaded-model.ts'), 'utf8');
  for (const room of ['model', 'runtime', 'batching']) {
    assert.ok(
      [...main.matchAll(IMPORT)].some(([, target]) => target.startsWith(`../${room}/`)),
      room,
    );
  }
});

test('the rules find what breaks them', () => {
  const cases: [string, string, string[]][] = [
    ['model/a.ts', "import { x } from '../core/errors.ts';", []],
    ['model/a.ts', "import type { x } from '../runtime/runner.ts';", ['imports upward: runtime/runner.ts']],
    ['model/a.ts', "export * from '../service/golden.ts';", ['imports upward: service/golden.ts']],
    ['model/a.ts', "await import('../app.ts');", ['imports upward: app.ts']],
    ['http/a.ts', "import { x } from '../cli/check.ts';", ['imports upward: cli/check.ts']],
    ['cli/a.ts', "import { x } from '../main.ts';", []],
    ['core/a.ts', "import {\n  x,\n} from '../model/graph.ts';", ['imports upward: model/graph.ts']],
    ['http/rest/a.ts', "import { x } from '../oip/b.ts';", ['imports http/oip/b.ts']],
    ['http/oip/a.ts', "import { x } from '../rest/b.ts';", ['imports http/rest/b.ts']],
    ['http/rest/a.ts', "import { x } from '../codec/float32.ts';", []],
    ['runtime/worker.ts', "import ort from 'onnxruntime-node';", ['imports the runtime']],
    ['service/a.ts', "import Fastify from 'fastify';", ['imports fastify']],
    ['service/a.ts', "import helmet from '@fastify/helmet';", ['imports @fastify/helmet']],
    ['http/a.ts', "import type { FastifyInstance } from 'fastify';", []],
    ['main.ts', 'process.env.PORT', ['mentions process.env']],
    ['main.ts', '\n'.repeat(251), ['is longer than 250 lines']],
    ['main.ts', '\n'.repeat(250), []],
  ];
  for (const [file, text, expected] of cases) {
    const found = faultsOf(file, text);
    assert.deepEqual(
      found,
      expected.map(fault => `src/${file} ${fault}`),
    );
  }
});
