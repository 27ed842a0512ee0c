// Spans over words: what a sequence of IOB2 labels marks, as coloured stretches of the sentence.
import { hueOf } from '../colour.ts';
import { percent } from '../format.ts';
import type { HeadReply, Spans } from '../model.ts';

export function SpanWords({ head, reply, words }: { head: Spans; reply: HeadReply; words: readonly string[] }) {
  const { spans = [], probability } = reply;
  const kinds = [...new Set(head.labels.map(label => label.replace(/^[BI]-/, '')))];
  const pieces = piecesOf(words, spans);
  return (
    <>
      <p class="spans">
        {pieces.map(({ text, label }) =>
          label === undefined ? (
            <span>{text} </span>
          ) : (
            <>
              <mark style={{ '--hue': hueOf(kinds.indexOf(label)) }}>
                {text} <small>{label}</small>
              </mark>{' '}
            </>
          ),
        )}
      </p>
      <p class="ends">
        {spans.length === 0 ? 'no spans' : spans.map(span => span.label).join(', ')}
        {probability !== undefined && `, all together ${percent(probability)}`}
      </p>
    </>
  );
}

/** The words in and between the spans, in order; a span ends before its `end`. */
function piecesOf(words: readonly string[], spans: NonNullable<HeadReply['spans']>) {
  const pieces: { text: string; label?: string }[] = [];
  let at = 0;
  for (const { label, start, end } of spans) {
    if (start > at) pieces.push({ text: words.slice(at, start).join(' ') });
    pieces.push({ text: words.slice(start, end).join(' '), label });
    at = end;
  }
  if (at < words.length) pieces.push({ text: words.slice(at).join(' ') });
  return pieces;
}
