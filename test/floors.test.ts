// The house rules of the source tree: who may import whom, that nothing goes in a circle, and who alone may touch the
// runtime, the environment and HTTP.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ROOT } from './support/server/service.ts';

/** Rooms on one floor do not know each other. */
const FLOORS = [
  ['core'],
  ['model', 'runtime', 'telemetry'],
  ['sequence'],
  ['batching', 'state', 'drift'],
  ['proof'],
  ['service'],
  ['http'],
  ['grpc'],
];
/** The top: src/*.ts and the command. */
const TOP = FLOORS.length;
const LINES = 250;
const IMPORT = /\b(?:from|import)\s*\(?\s*'([^']+)'/g;
/** A skin knows no other. */
const SKINS = ['http/rest/', 'http/v2/'];
/** Folders that lean on their parent while the parent uses them. */
const LEANING = new Set(['proof/discovery']);

type Sources = ReadonlyMap<string, string>;

/** Every rule that a file breaks by itself; `file` is relative to src/. */
function faultsOf(file: string, text: string): string[] {
  const faults: string[] = [];
  for (const [, target] of text.matchAll(IMPORT)) {
    if (/^onnxruntime/.test(target) && file !== 'runtime/native.ts') faults.push('imports the runtime');
    if (/^@?fastify/.test(target) && roomOf(file) !== 'http' && file.includes('/')) faults.push(`imports ${target}`);
    if (!target.startsWith('.')) continue;
    const to = resolve(file, target);
    if (to.startsWith('../client/')) {
      if (roomOf(file) !== 'cli') faults.push(`imports the client: ${to}`);
      continue;
    }
    if (isUpward(file, to)) faults.push(`imports upward: ${to}`);
    const skin = SKINS.find(prefix => file.startsWith(prefix));
    if (skin && SKINS.some(other => other !== skin && to.startsWith(other))) faults.push(`imports ${to}`);
  }
  if (/process\s*\.\s*env/.test(text) && file !== 'config.ts') faults.push('mentions process.env');
  if (text.split('\n').length - 1 > LINES) faults.push(`is longer than ${LINES} lines`);
  return faults.map(fault => `src/${file} ${fault}`);
}

const resolve = (file: string, target: string) => path.posix.join(path.posix.dirname(file), target);
const roomOf = (file: string) => file.split('/')[0];

function isUpward(file: string, to: string): boolean {
  const [from, target] = [floorOf(file), floorOf(to)];
  return target > from || (target === from && target < TOP && roomOf(file) !== roomOf(to));
}

function floorOf(file: string): number {
  const room = roomOf(file);
  if (!file.includes('/') || room === 'cli') return TOP;
  const floor = FLOORS.findIndex(rooms => rooms.includes(room));
  assert.ok(floor >= 0, `src/${room} stands on no floor`);
  return floor;
}

/** What imports what, types too: by file, or by folder if `nodeOf` says so. An edge within a node is none. */
function edges(sources: Sources, nodeOf: (file: string) => string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const [file, text] of sources) {
    const from = nodeOf(file);
    const targets = found.get(from) ?? new Set<string>();
    found.set(from, targets);
    for (const [, target] of text.matchAll(IMPORT)) {
      const own = target.startsWith('.') && !target.includes('../client/'); // the client knows nothing of src
      const to = own ? nodeOf(resolve(file, target)) : from;
      if (to !== from) targets.add(to);
    }
  }
  return found;
}

/** A circle, as the nodes on it, if there is one. */
function circleIn(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(node)) return [...trail.slice(trail.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next, [...trail, node]);
      if (circle) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const circle = visit(node, []);
    if (circle) return circle;
  }
  return undefined;
}

const fileOf = (file: string) => file;
/** A file's folder; a folder that leans on its parent counts as the parent, and so do the files of the top. */
function folderOf(file: string): string {
  const folder = path.posix.dirname(file);
  return LEANING.has(folder) ? path.posix.dirname(folder) : folder;
}

const sources: Sources = new Map(
  readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .map(file => [file.split(path.sep).join('/'), readFileSync(path.join(ROOT, 'src', file), 'utf8')]),
);

test('no file of src breaks a rule of the house', () => {
  assert.ok(sources.size > 30, `only ${sources.size} files found`);
  assert.deepEqual(
    [...sources].flatMap(([file, text]) => faultsOf(file, text)),
    [],
  );
});

test('no circle of imports between files, nor between folders', () => {
  assert.equal(circleIn(edges(sources, fileOf)), undefined);
  assert.equal(circleIn(edges(sources, folderOf)), undefined);
});

test('every room is entered from above', () => {
  for (const room of [
    'core',
    'model',
    'runtime',
    'telemetry',
    'sequence',
    'batching',
    'state',
    'proof',
    'service',
    'http',
    'grpc',
  ]) {
    const entered = [...sources].some(
      ([file, text]) =>
        roomOf(file) !== room && [...text.matchAll(IMPORT)].some(([, to]) => roomOf(resolve(file, to)) === room),
    );
    assert.ok(entered, room);
  }
});

test('the rules find what breaks them', () => {
  const cases: [string, string, string[]][] = [
    ['model/a.ts', "import { x } from '../core/errors.ts';", []],
    ['model/a.ts', "import type { x } from '../runtime/runner.ts';", ['imports upward: runtime/runner.ts']],
    ['model/a.ts', "export * from '../proof/golden.ts';", ['imports upward: proof/golden.ts']],
    ['model/a.ts', "await import('../app.ts');", ['imports upward: app.ts']],
    ['model/onnx/a.ts', "import { x } from '../../sequence/rows.ts';", ['imports upward: sequence/rows.ts']],
    ['state/a.ts', "import { x } from '../batching/queue.ts';", ['imports upward: batching/queue.ts']],
    ['http/a.ts', "import { x } from '../cli/check.ts';", ['imports upward: cli/check.ts']],
    ['cli/a.ts', "import { x } from '../main.ts';", []],
    ['core/a.ts', "import {\n  x,\n} from '../model/graph.ts';", ['imports upward: model/graph.ts']],
    ['http/rest/a.ts', "import { x } from '../v2/b.ts';", ['imports http/v2/b.ts']],
    ['http/v2/a.ts', "import { x } from '../rest/b.ts';", ['imports http/rest/b.ts']],
    ['http/rest/a.ts', "import { x } from '../codec/float32.ts';", []],
    ['runtime/worker.ts', "import ort from 'onnxruntime-node';", ['imports the runtime']],
    ['runtime/session.ts', "import { binding } from 'onnxruntime-node/dist/binding.js';", ['imports the runtime']],
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

test('circles are found, also through types', () => {
  const circle = new Map([
    ['a/one.ts', "import type { x } from '../b/two.ts';"],
    ['b/two.ts', "import { y } from './three.ts';"],
    ['b/three.ts', "export * from '../a/one.ts';"],
  ]);
  assert.deepEqual(circleIn(edges(circle, fileOf)), ['a/one.ts', 'b/two.ts', 'b/three.ts', 'a/one.ts']);
  const folders = new Map([...circle, ['b/three.ts', "export * from '../a/other.ts';"]]);
  assert.equal(circleIn(edges(folders, fileOf)), undefined);
  assert.deepEqual(circleIn(edges(folders, folderOf)), ['a', 'b', 'a']);
});
