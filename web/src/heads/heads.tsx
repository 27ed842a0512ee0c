// Every head of an answer, drawn by its kind; what an answer was before a change stands outlined beside it.

import { spoken, unitSign } from '../format.ts';
import {
  type Head,
  type HeadReply,
  isValue,
  type Labelled,
  type Model,
  type Prediction,
  type Spans,
} from '../model.ts';
import type { Answered } from '../model-page.tsx';
import { Bars } from './bars.tsx';
import { Interval } from './interval.tsx';
import { ClassesOverTime, ValuesOverTime } from './over-time.tsx';
import { Sentence } from './sentence.tsx';
import { SpanWords } from './spans.tsx';
import { TensorValues } from './tensor.tsx';
import { Track, trackOf } from './track.tsx';

interface Props {
  model: Model;
  answered: Answered;
  before?: Prediction;
}

export function Heads({ model, answered, before }: Props) {
  const { draft, prediction } = answered;
  const words = wordsOf(model, draft);
  const track = trackOf(model, answered);
  const tags = words ? model.heads.filter(isTagger) : [];
  const rest = model.heads.filter(head => !tags.includes(head as Labelled));
  return (
    <div class="heads">
      {track && <Track track={track} />}
      {words && tags.length > 0 && <Sentence words={words} heads={tags} prediction={prediction} />}
      {rest.map(head => (
        <HeadFigure head={head} words={words} reply={prediction.heads[head.name]} before={before?.heads[head.name]} />
      ))}
    </div>
  );
}

interface HeadProps {
  head: Head;
  reply: HeadReply;
  before?: HeadReply;
  words?: readonly string[];
}

function HeadFigure({ head, reply, before, words }: HeadProps) {
  const unit = isValue(head) ? unitSign(head.unit) : '';
  const wide = head.kind === 'tensor' || (head.per === 'step' && !isValue(head) && head.kind !== 'binary');
  return (
    <figure class={wide ? 'head wide' : 'head'} data-head={head.name}>
      <figcaption>
        <h3>
          {spoken(head.name)} {unit && <small>{unit}</small>}
        </h3>
        {head.description && <p>{head.description}</p>}
      </figcaption>
      <HeadBody head={head} reply={reply} before={before} words={words} />
    </figure>
  );
}

function HeadBody({ head, reply, before, words = [] }: HeadProps) {
  if (head.kind === 'tensor') return <TensorValues values={reply.values} />;
  if (Object.keys(reply).length === 0) return <p class="hint">The model gave no finite numbers to decide by.</p>;
  if (head.kind === 'sequence-labels') return <SpanWords head={head as Spans} reply={reply} words={words} />;
  if (reply.steps) {
    const earlier = before?.steps?.length === reply.steps.length ? before.steps : undefined;
    return isValue(head) ? (
      <ValuesOverTime head={head} steps={reply.steps} before={earlier} />
    ) : (
      <ClassesOverTime head={head as Labelled} steps={reply.steps} before={earlier} />
    );
  }
  if (isValue(head)) return <Interval head={head} answer={reply} before={before} />;
  return <Bars head={head as Labelled} answer={reply} before={before} />;
}

function isTagger(head: Head): head is Labelled {
  return head.per === 'step' && 'labels' in head && head.kind !== 'sequence-labels';
}

function wordsOf(model: Model, draft: Answered['draft']): readonly string[] | undefined {
  const tokens = model.inputs.find(input => input.kind === 'token');
  return tokens && (draft[tokens.name] as string[]);
}
