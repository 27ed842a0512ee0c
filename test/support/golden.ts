// golden.json, written by the training framework, as the answers that a reply must hold: sigmoid and softmax of its
// logits are computed here in float64.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { Manifest, ManifestHead } from '../../src/model/manifest.ts';

export interface GoldenCase {
  readonly sequence: unknown;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
}

export interface GoldenModel {
  readonly name: string;
  readonly version: string;
  readonly manifest: Manifest;
  readonly cases: readonly GoldenCase[];
}

type Answer = {
  label?: string;
  labels?: string[];
  probability?: number;
  probabilities?: Record<string, number>;
  value?: number;
  lower?: number;
  upper?: number;
  unit?: string;
};

export interface Prediction {
  readonly length: number;
  readonly heads: Record<string, Answer & { steps?: Answer[] }>;
}

const TOLERANCE = 1e-5;

/** Every model version of a repository that has golden answers. */
export function goldenModels(repository: string): GoldenModel[] {
  const read = (file: string) => JSON.parse(readFileSync(`${repository}/${file}`, 'utf8'));
  return readdirSync(repository, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('/golden.json'))
    .sort()
    .map(file => {
      const [name, version] = file.split('/');
      return { name, version, manifest: read(`${name}/${version}/manifest.json`), cases: read(file).cases };
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
    if (head.per === 'step') assert.equal(answer.steps?.length, length, where);
    const answers = head.per === 'step' ? (answer.steps as Answer[]) : [answer];
    answers.forEach((one, step) => {
      assertAnswer(`${where}, step ${step}`, head, golden.outputs, step, one);
    });
  }
}

function assertAnswer(where: string, head: ManifestHead, outputs: GoldenCase['outputs'], step: number, answer: Answer) {
  if (head.kind === 'regression') {
    near(`${where} value`, answer.value, outputs[head.tensor][step]);
    if (head.interval) {
      near(`${where} lower`, answer.lower, outputs[head.interval.lower][step]);
      near(`${where} upper`, answer.upper, outputs[head.interval.upper][step]);
    }
    assert.equal(answer.unit, head.unit, where);
    return;
  }
  const expected = distribution(head, outputs[head.tensor], step);
  assert.deepEqual(Object.keys(answer.probabilities ?? {}).sort(), [...head.labels].sort(), where);
  head.labels.forEach((label, i) => {
    near(`${where} ${label}`, answer.probabilities?.[label], expected[i]);
  });
  const { threshold = 0.5 } = head as { threshold?: number };
  if (head.kind === 'multilabel') {
    const sure = head.labels.filter((_, i) => Math.abs(expected[i] - threshold) > TOLERANCE);
    const wanted = sure.filter(label => expected[head.labels.indexOf(label)] >= threshold);
    assert.deepEqual(
      answer.labels?.filter(label => sure.includes(label)),
      wanted,
      where,
    );
    return;
  }
  const chosen = expected[head.labels.indexOf(answer.label ?? '')];
  if (head.kind === 'multiclass') near(`${where} of the label`, chosen, Math.max(...expected));
  else assert.ok((answer.label === head.labels[1]) === expected[1] >= threshold - TOLERANCE, where);
  near(`${where} probability`, answer.probability, chosen);
}

/** The probabilities of a head's labels, in float64. */
function distribution(head: Exclude<ManifestHead, { kind: 'regression' }>, output: readonly number[], step: number) {
  const logits = head.activation === 'logits';
  const squash = (x: number) => (logits ? 1 / (1 + Math.exp(-x)) : x);
  if (head.kind === 'binary') {
    const p = squash(output[step]);
    return [1 - p, p];
  }
  const row = output.slice(step * head.labels.length, (step + 1) * head.labels.length);
  if (head.kind === 'multilabel') return row.map(squash);
  if (!logits) return row;
  const powers = row.map(x => Math.exp(x));
  const sum = powers.reduce((total, x) => total + x, 0);
  return powers.map(x => x / sum);
}

function near(what: string, actual: number | undefined, expected: number): void {
  const difference = Math.abs((actual ?? Number.NaN) - expected) / Math.max(1, Math.abs(expected));
  assert.ok(difference <= TOLERANCE, `${what} is ${actual}, expected ${expected}`);
}
