// Answers of one head beside what was true: what puts them right, and how right they are with it and without.
import { LoadError } from '../core/errors.ts';
import type { ManifestHead } from '../model/manifest.ts';
import type { SignatureHead } from '../model/signature.ts';
import { calibrator } from '../sequence/calibrate.ts';
import type { Row } from '../sequence/collate.ts';
import { type Answer, type ClassAnswer, headDecoder, type ValueAnswer } from '../sequence/heads.ts';
import { calibrationError, conformalMargin, fitIsotonic, fitTemperature } from './fit.ts';
import { answersOf } from './observe.ts';

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
  if (kind === 'binary' || kind === 'multiclass') return new LabelCases(head);
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
      if (targets[i] === null || !one || answersOf(one).length === 0) return; // not known, or no number was answered
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
    const { labels, name } = this.spec as Extract<ManifestHead, { kind: 'binary' | 'multiclass' }>;
    const label = (labels as readonly string[]).indexOf(target as string);
    if (label < 0) throw new LoadError(`"${name}": ${JSON.stringify(target)} is none of its labels`);
    this.#answers.push({ ...answer, probabilities: Float64Array.from(answer.probabilities) });
    this.#labels.push(label);
  }

  fit({ binary }: FitOptions): Calibration {
    if (this.spec.kind === 'binary' && binary === 'isotonic') {
      const scores = this.#answers.map(({ probabilities }) => probabilities[1]);
      const { x, y } = fitIsotonic(scores, this.#labels);
      return { calibration: { isotonic: { x: [...x], y: [...y] } } };
    }
    const logits = this.#answers.flatMap(({ probabilities }) => Array.from(probabilities, logOf));
    return { calibration: { temperature: fitTemperature(logits, this.#labels) } };
  }

  measure(calibration?: Calibration): Measures {
    const put = calibration && calibrator({ ...this.spec, ...calibration } as ManifestHead);
    const answers = this.#answers.map(answer => (put ? (put(answer) as ClassAnswer) : answer));
    const right = answers.map(({ label }, i) => label === this.#labels[i]);
    const losses = answers.map(({ probabilities }, i) => -logOf(probabilities[this.#labels[i]]));
    return {
      'log loss': mean(losses),
      'calibration error': calibrationError(
        answers.map(({ label, probabilities }) => probabilities[label]),
        right,
      ),
      accuracy: mean(right.map(Number)),
    };
  }
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
