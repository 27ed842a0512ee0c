// golden.json, written by the training framework, as the answers that a reply must hold: sigmoid and softmax of its
// logits are computed here in float64.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { type Manifest, type ManifestHead, manifestSchema } from '../../../src/model/manifest.ts';
import { bestScore, scoreOf } from './paths.ts';

export interface GoldenCase {
  readonly sequence: unknown;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
}

export interface GoldenModel {
  readonly name: string;
  readonly version: string;
  readonly manifest: Manifest;
  readonly tolerance: number;
  readonly cases: readonly GoldenCase[];
}

type Answer = {
  values?: unknown;
  label?: string;
  labels?: string[];
  probability?: number;
  probabilities?: Record<string, number>;
  value?: number;
  lower?: number;
  upper?: number;
  unit?: string;
  spans?: { label: string; start: number; end: number }[];
};

export interface Prediction {
  readonly length: number;
  readonly heads: Record<string, Answer & { steps?: Answer[] }>;
}

/** Every model version of a repository that has golden answers. */
export function goldenModels(repository: string): GoldenModel[] {
  const read = (file: string) => JSON.parse(readFileSync(`${repository}/${file}`, 'utf8'));
  return readdirSync(repository, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('/golden.json'))
    .sort()
    .map(file => {
      const [name, version] = file.split('/');
      const { tolerance, cases } = read(file);
      const written = read(`${name}/${version}/manifest.json`);
      for (const head of written.heads)
        if (head.transitionsFile) head.transitions = read(`${name}/${version}/${head.transitionsFile}`);
      const manifest = manifestSchema.parse(written);
      return { name, version, manifest, tolerance, cases };
    });
}

/** @throws {AssertionError} unless a prediction with all probabilities says what the training framework says. */
export function assertGolden(model: GoldenModel, golden: GoldenCase, prediction: Prediction): void {
  const { inputs, heads } = model.manifest;
  const { sequence } = golden;
  const first = inputs.length === 1 ? sequence : (sequence as Record<string, unknown>)[inputs[0].name];
  const length = (first as unknown[]).length;
  assert.equal(prediction.length, length);
  assert.deepEqual(Object.keys(prediction.heads).sort(), heads.map(head => head.name).sort());
  for (const head of heads) {
    const where = `${model.name}/${model.version} ${head.name}, ${length} steps`;
    const answer = prediction.heads[head.name];
    if (head.kind === 'sequence-labels') {
      assertPath(where, head, golden.outputs[head.tensor], answer, model.tolerance);
      continue;
    }
    if (head.kind === 'tensor') {
      assertValues(
        where,
        (answer.values as unknown[]).flat(Number.POSITIVE_INFINITY),
        golden.outputs[head.tensor],
        model.tolerance,
      );
      continue;
    }
    if (head.per === 'step') assert.equal(answer.steps?.length, length, where);
    const answers = head.per === 'step' ? (answer.steps as Answer[]) : [answer];
    answers.forEach((one, step) => {
      assertAnswer(`${where}, step ${step}`, head, golden.outputs, step, one, model.tolerance);
    });
  }
}

/** A tensor head tells the graph's own numbers. */
function assertValues(where: string, actual: readonly unknown[], expected: readonly number[], tolerance: number) {
  assert.equal(actual.length, expected.length, where);
  expected.forEach((value, i) => {
    const off = Math.abs(Number(actual[i]) - value) / Math.max(1, Math.abs(value));
    assert.ok(off <= tolerance, `${where}: value ${i} is ${actual[i]}, expected ${value}`);
  });
}

/** The labels told are the best path of the training framework's scores, and its probability is theirs. */
function assertPath(
  where: string,
  { labels, transitions }: Extract<ManifestHead, { kind: 'sequence-labels' }>,
  scores: readonly number[],
  answer: Answer,
  tolerance: number,
) {
  const { best, total } = bestScore(labels, scores, transitions);
  const path = answer.labels?.map(label => (labels as string[]).indexOf(label)) ?? [];
  const own = scoreOf(labels, path, scores, transitions);
  const steps = scores.length / labels.length;
  assert.ok(best - own <= steps * 2 * tolerance * Math.max(1, Math.abs(best)), `${where}: ${own} is not ${best}`);
  const off = Math.abs((answer.probability ?? Number.NaN) - Math.exp(best - total));
  assert.ok(off <= steps * tolerance * 10, `${where}: probability ${answer.probability}`);
}

function assertAnswer(
  where: string,
  head: ManifestHead,
  outputs: GoldenCase['outputs'],
  step: number,
  answer: Answer,
  tolerance: number,
) {
  const near = (what: string, actual: number | undefined, expected: number) => {
    const difference = Math.abs((actual ?? Number.NaN) - expected) / Math.max(1, Math.abs(expected));
    assert.ok(difference <= tolerance, `${what} is ${actual}, expected ${expected}`);
  };
  if (head.kind === 'sequence-labels') return assert.fail(`${where}: a path is no step`);
  if (head.kind === 'tensor') return assert.fail(`${where}: a tensor is no step`);
  if (head.kind === 'regression') {
    const scaled = (tensor: string) => outputs[tensor][step] * head.scale + head.offset;
    near(`${where} value`, answer.value, scaled(head.tensor));
    if (head.interval) {
      const { lower, upper } = head.interval;
      near(`${where} lower`, answer.lower, scaled(head.scale > 0 ? lower : upper));
      near(`${where} upper`, answer.upper, scaled(head.scale > 0 ? upper : lower));
    }
    assert.equal(answer.unit, head.unit, where);
    return;
  }
  if (head.kind === 'gaussian') return assert.fail(`${where}: no model that comes along has one`);
  const expected = distribution(head, outputs[head.tensor], step);
  const labels: readonly string[] = head.labels;
  assert.deepEqual(Object.keys(answer.probabilities ?? {}).sort(), [...labels].sort(), where);
  labels.forEach((label, i) => {
    near(`${where} ${label}`, answer.probabilities?.[label], expected[i]);
  });
  const { threshold = 0.5 } = head as { threshold?: number };
  if (head.kind === 'multilabel') {
    const sure = labels.filter((_, i) => Math.abs(expected[i] - threshold) > tolerance);
    const wanted = sure.filter(label => expected[labels.indexOf(label)] >= threshold);
    assert.deepEqual(
      answer.labels?.filter(label => sure.includes(label)),
      wanted,
      where,
    );
    return;
  }
  const chosen = expected[labels.indexOf(answer.label ?? '')];
  if (head.kind !== 'binary') near(`${where} of the label`, chosen, Math.max(...expected));
  else if (Math.abs(expected[1] - threshold) > tolerance) {
    assert.equal(answer.label, labels[expected[1] >= threshold ? 1 : 0], where);
  }
  near(`${where} probability`, answer.probability, chosen);
}

/** The probabilities of a head's labels, in float64. */
function distribution(
  head: Exclude<ManifestHead, { kind: 'regression' | 'gaussian' | 'tensor' | 'sequence-labels' }>,
  output: readonly number[],
  step: number,
) {
  const logits = head.activation === 'logits';
  const squash = (x: number) => (logits ? 1 / (1 + Math.exp(-x)) : x);
  if (head.kind === 'binary') {
    const p = squash(output[step]);
    return [1 - p, p];
  }
  const width = head.kind === 'ordinal' ? head.labels.length - 1 : head.labels.length;
  const row = output.slice(step * width, (step + 1) * width);
  if (head.kind === 'ordinal') {
    const beyond = [1, ...row.map(squash), 0].map((_, k, all) => Math.min(...all.slice(0, k + 1)));
    return beyond.slice(1).map((p, k) => beyond[k] - p);
  }
  if (head.kind === 'multilabel') return row.map(squash);
  if (!logits) return row;
  const powers = row.map(x => Math.exp(x));
  const sum = powers.reduce((total, x) => total + x, 0);
  return powers.map(x => x / sum);
}
