// Predictions to JSON text. Keys and labels are turned into text once per head; the rest is joining strings, which is
// about twice as fast as building objects for JSON.stringify.
import type { ClassAnswer, HeadAnswer, MultilabelAnswer, TensorAnswer, ValueAnswer } from '../../model/heads.ts';
import type { SignatureHead } from '../../model/signature.ts';
import type { LoadedModel } from '../../service/loaded-model.ts';
import type { Prediction, Predictions } from '../../service/predictor.ts';
import { float32Text } from '../codec/float32.ts';

/** How much of a distribution over labels a reply holds. */
export type Detail = 'all' | 'top' | 'none';

type HeadWriter = (answer: HeadAnswer, detail: Detail | undefined) => string;
const writers = new WeakMap<SignatureHead, HeadWriter>();

/** The body of a predict reply. Without `detail`, heads per sequence tell all probabilities, heads per step the top one. */
export function encodePredictions(model: LoadedModel, result: Predictions, detail: Detail | undefined): string {
  const write = result.heads.map(writerOf);
  let text = `{"model":${JSON.stringify(model.name)},"version":${JSON.stringify(model.version)},"predictions":[`;
  result.predictions.forEach((prediction, p) => {
    if (p > 0) text += ',';
    text += predictionText(write, prediction, detail);
  });
  return `${text}]}`;
}

/** One prediction, as it stands in a reply. */
export function encodePrediction({ heads, predictions }: Predictions, detail: Detail | undefined): string {
  return predictionText(heads.map(writerOf), predictions[0], detail);
}

function predictionText(
  write: HeadWriter[],
  { length, answers, token }: Prediction,
  detail: Detail | undefined,
): string {
  let text = `{"length":${length},"heads":{`;
  for (let h = 0; h < answers.length; h++) text += (h === 0 ? '' : ',') + write[h](answers[h], detail);
  return token === undefined ? `${text}}}` : `${text}},"state":"${token}"}`;
}

function writerOf(head: SignatureHead): HeadWriter {
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
  const write = answerWriter(head);
  if (head.spec.per === 'sequence')
    return (answer, detail = 'all') => key + write(answer as ClassAnswer & ValueAnswer & MultilabelAnswer, detail);
  return (answers, detail = 'top') => {
    const steps = (answers as (ClassAnswer & ValueAnswer & MultilabelAnswer)[]).map(answer => write(answer, detail));
    return `${key}{"steps":[${steps.join()}]}`;
  };
}

/** The row as nested arrays. */
function tensorText({ dtype, dims, values }: TensorAnswer): string {
  const text =
    dtype === 'float32' || dtype === 'float16' ? (value: unknown) => float32Text(value as number) : elementText;
  let level = values.map(text);
  for (const size of [...dims].reverse()) {
    const groups: string[] = [];
    for (let i = 0; i < level.length; i += size) groups.push(`[${level.slice(i, i + size).join()}]`);
    level = groups;
  }
  return level[0];
}

function elementText(value: unknown): string {
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
}

function answerWriter({
  spec,
}: SignatureHead): (answer: ClassAnswer & ValueAnswer & MultilabelAnswer, detail: Detail) => string {
  if (spec.kind === 'regression') {
    const unit = spec.unit === undefined ? '' : `,"unit":${JSON.stringify(spec.unit)}`;
    return ({ value, lower, upper }) => {
      const bounds =
        lower === undefined || upper === undefined
          ? ''
          : `,"lower":${float32Text(lower)},"upper":${float32Text(upper)}`;
      return `{"value":${float32Text(value)}${bounds}${unit}}`;
    };
  }
  if (spec.kind === 'tensor') throw new Error('a tensor head is written as nested arrays');
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
