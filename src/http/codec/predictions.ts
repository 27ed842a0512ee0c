// Predictions to JSON text. Keys and labels are turned into text once per head; the rest is joining strings, which is
// about twice as fast as building objects for JSON.stringify.

import type { SignatureHead } from '../../model/signature.ts';
import type {
  ClassAnswer,
  HeadAnswer,
  MultilabelAnswer,
  SpansAnswer,
  TensorAnswer,
  ValueAnswer,
} from '../../sequence/heads.ts';
import type { Prediction, Predictions } from '../../service/predict.ts';
import { float32Text } from './float32.ts';
import { doubleText, numberText, tensorText } from './tensor-text.ts';

/** How much of a distribution over labels a reply holds. */
export type Detail = 'all' | 'top' | 'none';

type HeadWriter = (answer: HeadAnswer, detail: Detail | undefined) => string;
const writers = new WeakMap<SignatureHead, HeadWriter>();

/** The body of a predict reply. Without `detail`, heads per sequence tell all probabilities, heads per step the top one. */
export function encodePredictions(result: Predictions, detail: Detail | undefined): string {
  const write = result.heads.map(writerOf);
  let text = openingOf(result);
  result.predictions.forEach((prediction, p) => {
    if (p > 0) text += ',';
    text += predictionText(write, prediction, detail);
  });
  return `${text}]}`;
}

/** All that stands before the first prediction. */
export function openingOf({ model: { name, version } }: Predictions): string {
  return `{"model":${JSON.stringify(name)},"version":${JSON.stringify(version)},"predictions":[`;
}

/** One prediction, as it stands in a reply. */
export function encodePrediction({ heads, predictions }: Predictions, detail: Detail | undefined): string {
  return predictionText(heads.map(writerOf), predictions[0], detail);
}

/** The body of the v1 protocol: every sequence's heads, and nothing else. */
export function encodeInstances({ heads, predictions }: Predictions): string {
  const write = heads.map(writerOf);
  return `{"predictions":[${predictions.map(({ answers }) => headsText(write, answers, undefined)).join()}]}`;
}

function predictionText(
  write: HeadWriter[],
  { length, answers, token }: Prediction,
  detail: Detail | undefined,
): string {
  const text = `{"length":${length},"heads":${headsText(write, answers, detail)}`;
  return token === undefined ? `${text}}` : `${text},"state":"${token}"}`;
}

function headsText(write: HeadWriter[], answers: Prediction['answers'], detail: Detail | undefined): string {
  let text = '{';
  for (let h = 0; h < answers.length; h++) text += (h === 0 ? '' : ',') + write[h](answers[h], detail);
  return `${text}}`;
}

export function writerOf(head: SignatureHead): HeadWriter {
  let writer = writers.get(head);
  if (!writer) {
    writer = headWriter(head);
    writers.set(head, writer);
  }
  return writer;
}

function headWriter(head: SignatureHead): HeadWriter {
  const key = `${JSON.stringify(head.spec.name)}:`;
  if (head.spec.kind === 'tensor') return answer => `${key}{"values":${tensorText(answer as TensorAnswer)}}`;
  if (head.spec.kind === 'sequence-labels') return spansWriter(key, head.spec.labels);
  const write = answerWriter(head);
  if (head.spec.per === 'sequence') return (answer, detail = 'all') => key + write(answer as AnyAnswer, detail);
  return (answers, detail = 'top') => {
    const steps = (answers as AnyAnswer[]).map(answer => write(answer, detail));
    return `${key}{"steps":[${steps.join()}]}`;
  };
}

/** Spans with the probability of all of them together; with `all`, every step's label too. */
function spansWriter(key: string, labels: readonly string[]): HeadWriter {
  const texts = labels.map(label => JSON.stringify(label));
  return (answer, detail = 'top') => {
    if (answer === null) return `${key}null`;
    const { spans, path, probability } = answer as SpansAnswer;
    const each = spans.map(({ kind, start, end, range }) => {
      const where = range
        ? `,"startChar":${range.start},"endChar":${range.end},"text":${JSON.stringify(range.text)}`
        : '';
      return `{"label":${JSON.stringify(kind)},"start":${start},"end":${end}${where}}`;
    });
    const sure = detail === 'none' ? '' : `,"probability":${float32Text(probability)}`;
    const every = detail === 'all' ? `,"labels":[${Array.from(path, label => texts[label]).join()}]` : '';
    return `${key}{"spans":[${each.join()}]${sure}${every}}`;
  };
}

/** Writes the answer for one step of a head per step. */
export function stepWriter(head: SignatureHead): (answer: unknown, detail: Detail) => string {
  const write = answerWriter(head);
  return (answer, detail) => write(answer as AnyAnswer, detail);
}

/** Whichever the head's kind makes of it. */
type AnyAnswer = (ClassAnswer & ValueAnswer & MultilabelAnswer) | null;

function answerWriter(head: SignatureHead): (answer: AnyAnswer, detail: Detail) => string {
  const write = knownWriter(head);
  return (answer, detail) => (answer === null ? 'null' : write(answer, detail));
}

function knownWriter({ spec }: SignatureHead): (answer: NonNullable<AnyAnswer>, detail: Detail) => string {
  if (spec.kind === 'regression' || spec.kind === 'gaussian') {
    const unit = spec.unit === undefined ? '' : `,"unit":${JSON.stringify(spec.unit)}`;
    return ({ value, sd, lower, upper, double }) => {
      const text = double ? doubleText : numberText;
      const bounds = lower === undefined || upper === undefined ? '' : `,"lower":${text(lower)},"upper":${text(upper)}`;
      const wide = sd === undefined ? '' : `,"sd":${text(sd)}`;
      return `{"value":${text(value)}${wide}${bounds}${unit}}`;
    };
  }
  if (spec.kind === 'tensor' || spec.kind === 'sequence-labels') throw new Error(`no single answers: ${spec.kind}`);
  const labels = spec.labels.map(label => JSON.stringify(label));
  const all = (probabilities: ArrayLike<number>) => {
    let text = ',"probabilities":{';
    for (let i = 0; i < labels.length; i++)
      text += `${i === 0 ? '' : ','}${labels[i]}:${float32Text(probabilities[i])}`;
    return `${text}}`;
  };
  if (spec.kind === 'multilabel') {
    return (answer, detail) =>
      `{"labels":[${answer.labels.map(i => labels[i]).join()}]${detail === 'none' ? '' : all(answer.probabilities)}}`;
  }
  return ({ label, probabilities }, detail) => {
    const top = detail === 'none' ? '' : `,"probability":${float32Text(probabilities[label])}`;
    return `{"label":${labels[label]}${top}${detail === 'all' ? all(probabilities) : ''}}`;
  };
}
