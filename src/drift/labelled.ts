// Answers of one head beside what was true: what puts them right, and how right they are with it and without.
import { LoadError } from '../core/errors.ts';
import type { ManifestHead } from '../model/manifest.ts';
import type { SignatureHead } from '../model/signature.ts';
import { beyondLogits, calibrator } from '../sequence/calibrate.ts';
import type { Row } from '../sequence/collate.ts';
import {
  type Answer,
  type ClassAnswer,
  headDecoder,
  type MultilabelAnswer,
  type ValueAnswer,
} from '../sequence/heads.ts';
import { calibrationError, conformalMargin, fitIsotonic, fitOrdinalTemperature, fitTemperature } from './fit.ts';

/** What a head's part of the manifest gets. */
export type Calibration = Pick<Extract<ManifestHead, { kind: 'binary' }>, 'calibration'> &
  Pick<Extract<ManifestHead, { kind: 'regression' }>, 'conformal'>;

export interface FitOptions {
  readonly binary: 'temperature' | 'isotonic';
  /** Of intervals. */
  readonly coverage: number;
}

/** Each measure by its name; of labels the smaller the better. */
export type Measures = Readonly<Record<string, number>>;

/** The cases of a head of labels or of values; others have nothing to be put right. */
export function casesOf(head: SignatureHead): Cases | undefined {
  const { kind } = head.spec;
  if (kind === 'binary' || kind === 'multiclass' || kind === 'ordinal') return new LabelCases(head);
  if (kind === 'multilabel') return new LabelSetCases(head);
  return kind === 'regression' ? new ValueCases(head) : undefined;
}

/** The smallest probability that float32 tells from 0: what a graph rounds to 0 must not make a loss infinite. */
const LEAST = 2 ** -149;

export abstract class Cases {
  readonly spec: ManifestHead;
  readonly #decode;
  #count = 0;

  constructor(head: SignatureHead) {
    this.spec = head.spec;
    this.#decode = headDecoder(head); // as the graph gives them, whatever the manifest says so far
  }

  get count(): number {
    return this.#count;
  }

  /** `target`: what was true, for a head per step one for each step; null where that is not known. @throws {LoadError} */
  add(row: Row, target: unknown): void {
    const answer = this.#decode(row);
    const answers = (Array.isArray(answer) ? answer : [answer]) as readonly (Answer | null)[];
    const targets = this.spec.per === 'step' ? target : [target];
    if (!Array.isArray(targets) || targets.length !== answers.length) {
      throw new LoadError(`"${this.spec.name}" needs ${answers.length} targets, one for each time step`);
    }
    answers.forEach((one, i) => {
      const odd = !one || ('value' in one && !Number.isFinite(one.value));
      if (targets[i] === null || odd) return; // not known, or no number was answered
      this.take(one as never, targets[i]);
      this.#count++;
    });
  }

  protected abstract take(answer: unknown, target: unknown): void;
  /** @throws {LoadError} if there are too few cases. */
  abstract fit(options: FitOptions): Calibration;
  abstract measure(calibration?: Calibration): Measures;
}

class LabelCases extends Cases {
  readonly #answers: ClassAnswer[] = [];
  readonly #labels: number[] = [];

  protected take(answer: ClassAnswer, target: unknown): void {
    this.#answers.push({ ...answer, probabilities: Float64Array.from(answer.probabilities) });
    this.#labels.push(labelOf(this.spec, target));
  }

  fit({ binary }: FitOptions): Calibration {
    if (this.spec.kind === 'binary' && binary === 'isotonic') {
      const scores = this.#answers.map(({ probabilities }) => probabilities[1]);
      const { x, y } = fitIsotonic(scores, this.#labels);
      return { calibration: { isotonic: { x: [...x], y: [...y] } } };
    }
    if (this.spec.kind === 'ordinal') {
      const logits = this.#answers.flatMap(({ probabilities }) => Array.from(beyondLogits(probabilities)));
      return { calibration: { temperature: fitOrdinalTemperature(logits, this.#labels) } };
    }
    const logits = this.#answers.flatMap(({ probabilities }) => Array.from(probabilities, logOf));
    return { calibration: { temperature: fitTemperature(logits, this.#labels) } };
  }

  measure(calibration?: Calibration): Measures {
    const put = calibration && calibrator({ ...this.spec, ...calibration } as ManifestHead);
    const told = this.#answers.map((answer, i) => {
      const { label, probabilities } = put ? (put(answer) as ClassAnswer) : answer;
      const truth = this.#labels[i];
      return { loss: -logOf(probabilities[truth]), sure: probabilities[label], right: label === truth };
    });
    return labelMeasures(told);
  }
}

/** Labels of which any number hold: each is a case of its own, true or not, and all share one temperature. */
class LabelSetCases extends Cases {
  readonly #answers: MultilabelAnswer[] = [];
  /** For each answer, 1 for the labels that hold and 0 for the others. */
  readonly #holds: number[][] = [];

  protected take(answer: MultilabelAnswer, target: unknown): void {
    if (!Array.isArray(target)) throw new LoadError(`"${this.spec.name}": a target is an array of labels, or null`);
    const holding = new Set(target.map(label => labelOf(this.spec, label)));
    this.#answers.push({ ...answer, probabilities: Float64Array.from(answer.probabilities) });
    this.#holds.push(Array.from(answer.probabilities, (_, k) => Number(holding.has(k))));
  }

  fit(): Calibration {
    const logits = this.#answers.flatMap(({ probabilities }) =>
      Array.from(probabilities, p => [logOf(1 - p), logOf(p)]).flat(),
    );
    return { calibration: { temperature: fitTemperature(logits, this.#holds.flat()) } };
  }

  measure(calibration?: Calibration): Measures {
    const put = calibration && calibrator({ ...this.spec, ...calibration } as ManifestHead);
    const told = this.#answers.flatMap((answer, i) => {
      const { labels, probabilities } = put ? (put(answer) as MultilabelAnswer) : answer;
      return Array.from(probabilities, (p, k) => {
        const sure = labels.includes(k) ? p : 1 - p;
        const holds = this.#holds[i][k];
        return { loss: -logOf(holds ? p : 1 - p), sure, right: Number(labels.includes(k)) === holds };
      });
    });
    return labelMeasures(told);
  }
}

/** The place of a label. @throws {LoadError} */
function labelOf(spec: ManifestHead, target: unknown): number {
  const label = 'labels' in spec ? (spec.labels as readonly unknown[]).indexOf(target) : -1;
  if (label < 0) throw new LoadError(`"${spec.name}": ${JSON.stringify(target)} is none of its labels`);
  return label;
}

/** What was said of each case: its loss, how sure it was, and whether it was right. */
function labelMeasures(told: readonly { loss: number; sure: number; right: boolean }[]): Measures {
  const right = told.map(one => one.right);
  return {
    'log loss': mean(told.map(({ loss }) => loss)),
    'calibration error': calibrationError(
      told.map(({ sure }) => sure),
      right,
    ),
    accuracy: mean(right.map(Number)),
  };
}

class ValueCases extends Cases {
  readonly #answers: ValueAnswer[] = [];
  readonly #targets: number[] = [];

  protected take(answer: ValueAnswer, target: unknown): void {
    if (typeof target !== 'number') throw new LoadError(`"${this.spec.name}": a target is a number, or null`);
    this.#answers.push(answer);
    this.#targets.push(target);
  }

  fit({ coverage }: FitOptions): Calibration {
    const scores = this.#answers.map(({ value, lower = value, upper = value }, i) =>
      Math.max(lower - this.#targets[i], this.#targets[i] - upper),
    );
    const margin = conformalMargin(scores, coverage);
    if (margin === Infinity) {
      throw new LoadError(`"${this.spec.name}": ${scores.length} cases are too few for a coverage of ${coverage}`);
    }
    return { conformal: { margin, coverage } };
  }

  measure(calibration?: Calibration): Measures {
    const put = calibration && calibrator({ ...this.spec, ...calibration } as ManifestHead);
    const answers = this.#answers.map(answer => (put ? (put(answer) as ValueAnswer) : answer));
    const bounds = answers.map(({ value, lower = value, upper = value }) => ({ lower, upper }));
    return {
      inside: mean(bounds.map(({ lower, upper }, i) => Number(lower <= this.#targets[i] && this.#targets[i] <= upper))),
      'mean width': mean(bounds.map(({ lower, upper }) => upper - lower)),
    };
  }
}

const logOf = (p: number) => Math.log(Math.max(p, LEAST));
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
