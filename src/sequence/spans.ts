// From labels in a chain to spans: which steps, and where the caller sent a text, which part of it.
import { iobLabel } from '../model/label-chain.ts';
import type { TokenText } from './words.ts';

export interface LabelSpan {
  readonly kind: string;
  /** The first step, and the one after the last. */
  readonly start: number;
  readonly end: number;
  /** The same in characters of the caller's text, and that part of it. */
  readonly range?: { readonly start: number; readonly end: number; readonly text: string };
}

/** The spans of a legal path of IOB2 labels. */
export function spansOf(labels: readonly string[], path: Int32Array, words: TokenText | undefined): LabelSpan[] {
  const found: LabelSpan[] = [];
  for (let t = 0; t < path.length; t++) {
    const { begins, kind } = iobLabel(labels[path[t]]);
    if (!begins || kind === undefined) continue;
    const inside = labels.indexOf(`I-${kind}`);
    let end = t + 1;
    while (end < path.length && path[end] === inside) end++;
    found.push({ kind, start: t, end, range: words && rangeOf(words, t, end) });
  }
  return found;
}

function rangeOf({ text, places }: TokenText, first: number, end: number): LabelSpan['range'] {
  const [from, to] = [places[2 * first], places[2 * end - 1]];
  const start = characters(text, 0, from);
  return { start, end: start + characters(text, from, to), text: text.slice(from, to) };
}

/** Characters (Unicode code points) between two places of JavaScript's UTF-16. */
function characters(text: string, from: number, to: number): number {
  let count = to - from;
  for (let i = from; i < to; i++) if (text.charCodeAt(i) >> 10 === 0x36) count--; // a high surrogate: one of a pair
  return count;
}
