// Answers put right by what their manifest says of them, in float64. Tensors, as protocol v2 gives them, stay the graph's own.
import type { ManifestHead } from '../model/manifest.ts';
import type { SignatureHead } from '../model/signature.ts';
import {
  type Answer,
  type ClassAnswer,
  type HeadDecoder,
  headDecoder,
  labelsFrom,
  type MultilabelAnswer,
  type ValueAnswer,
} from './heads.ts';
import { mapped } from './monotone.ts';
import { largest, sigmoid, softmax, spread } from './probabilities.ts';

/** A probability that a graph rounded to 0 is taken to be no smaller. */
const LEAST = Number.MIN_VALUE;

/** What callers are answered: the head as it was decoded, then put right. `noteOdd` as `headDecoder` has it. */
export function answerDecoder(head: SignatureHead, noteOdd?: (output: string) => void): HeadDecoder {
  const decode = headDecoder(head, noteOdd);
  const put = calibrator(head.spec);
  if (!put) return decode;
  return row => {
    const answer = decode(row);
    const each = (one: Answer | null) => one && put(one);
    return Array.isArray(answer) ? answer.map(each) : each(answer as Answer | null);
  };
}

/** Undefined where the manifest has nothing to put right. */
export function calibrator(spec: ManifestHead): ((answer: Answer) => Answer) | undefined {
  if (spec.kind === 'binary' && spec.calibration) {
    const { calibration, threshold } = spec;
    return answer => {
      const [not, p] = (answer as ClassAnswer).probabilities as readonly number[];
      const q =
        'temperature' in calibration ? tempered([not, p], calibration.temperature)[1] : mapped(calibration.isotonic, p);
      return { label: q >= threshold ? 1 : 0, probabilities: [1 - q, q] };
    };
  }
  if (spec.kind === 'multiclass' && spec.calibration) {
    const { temperature } = spec.calibration;
    return answer => {
      const probabilities = tempered((answer as ClassAnswer).probabilities, temperature);
      return { label: largest(probabilities), probabilities };
    };
  }
  if (spec.kind === 'ordinal' && spec.calibration) {
    const { temperature } = spec.calibration;
    return answer => {
      const beyond = beyondLogits((answer as ClassAnswer).probabilities).map(logit => sigmoid(logit / temperature));
      const probabilities = spread(beyond);
      return { label: largest(probabilities), probabilities };
    };
  }
  if (spec.kind === 'multilabel' && spec.calibration) {
    const { threshold, calibration } = spec;
    return answer => {
      const probabilities = Float64Array.from(
        (answer as MultilabelAnswer).probabilities,
        p => tempered([1 - p, p], calibration.temperature)[1],
      );
      return { labels: labelsFrom(probabilities, threshold), probabilities };
    };
  }
  if (spec.kind === 'regression' && spec.conformal) {
    const { margin } = spec.conformal;
    return answer => widened(answer as ValueAnswer, margin);
  }
  return undefined;
}

/** softmax(ln p / T), which is softmax(z / T) of the logits z whose softmax p is (Guo and others, 2017). */
function tempered(probabilities: ArrayLike<number>, temperature: number): Float64Array {
  return softmax(Float64Array.from(probabilities, p => logOf(p) / temperature));
}

const logOf = (p: number) => Math.log(Math.max(p, LEAST));

/** For each of some ordered labels but the last, ln P(beyond it) - ln P(not beyond it). */
export function beyondLogits(probabilities: ArrayLike<number>): Float64Array {
  const logits = new Float64Array(probabilities.length - 1);
  let [below, beyond] = [0, 0]; // summed from both ends: one less the other would lose the digits of small ones
  for (let k = 0; k < logits.length; k++) {
    below += probabilities[k];
    logits[k] -= logOf(below);
  }
  for (let k = logits.length - 1; k >= 0; k--) {
    beyond += probabilities[k + 1];
    logits[k] += logOf(beyond);
  }
  return logits;
}

/** An interval that a negative margin would turn over is its middle. */
function widened(answer: ValueAnswer, margin: number): ValueAnswer {
  const { value } = answer;
  const lower = (answer.lower ?? value) - margin;
  const upper = (answer.upper ?? value) + margin;
  if (!(lower > upper)) return { ...answer, lower, upper }; // what is no number stays none
  const middle = (lower + upper) / 2;
  return { ...answer, lower: middle, upper: middle };
}
