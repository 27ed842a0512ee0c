// Probabilities of labels as bars; the earlier answer is an outline.

import { percent } from '../format.ts';
import type { Answer, Labelled } from '../model.ts';

/** Longer lists are cut to the most probable labels. */
const MOST = 8;

export function Bars({ head, answer, before }: { head: Labelled; answer: Answer; before?: Answer }) {
  const { probabilities = {} } = answer;
  const chosen = new Set(answer.labels ?? [answer.label]);
  const shown =
    head.labels.length <= MOST
      ? head.labels
      : [...head.labels].sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0)).slice(0, MOST);
  return (
    <ul class="bars">
      {shown.map(label => (
        <Bar
          label={label}
          probability={probabilities[label] ?? 0}
          before={before?.probabilities?.[label]}
          chosen={chosen.has(label)}
        />
      ))}
    </ul>
  );
}

function Bar(props: { label: string; probability: number; before?: number; chosen: boolean }) {
  const { label, probability, before, chosen } = props;
  return (
    <li class={chosen ? 'chosen' : undefined}>
      <span class="label">{label}</span>
      <span class="track" aria-hidden="true">
        <span class="fill" style={{ width: `${100 * probability}%` }} />
        {before !== undefined && <span class="ghost" style={{ width: `${100 * before}%` }} />}
      </span>
      <span class="number">{percent(probability)}</span>
    </li>
  );
}
