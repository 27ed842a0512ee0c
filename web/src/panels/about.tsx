// The model's card as its maker wrote it, and the graph's bare facts.
import { useEffect, useState } from 'preact/hooks';
import { ask, Problem, pathOf } from '../api.ts';
import { bytes, short } from '../format.ts';
import { Markdown } from '../markdown.tsx';
import type { PanelProps } from './panels.tsx';

export function About({ model }: PanelProps) {
  const [card, setCard] = useState<string | null>();
  useEffect(() => {
    ask('GET', `${pathOf(model)}/card`)
      .then(reply => reply.text())
      .then(setCard, error => {
        if (!(error instanceof Problem)) throw error;
        setCard(null);
      });
  }, [model]);
  const { graph, digest, golden, executionProvider, limits } = model;
  const facts: [string, string][] = [
    ['Made by', graph.producer],
    ['Size', `${graph.parameters.toLocaleString('en')} parameters, ${bytes(graph.bytes)}`],
    ['Runs on', executionProvider.got.toUpperCase() + (executionProvider.fallback ? ' (no CUDA found)' : '')],
    ['One run', `at most ${limits.batchSize} sequences, ${limits.paddedSteps.toLocaleString('en')} padded steps`],
    ...model.controls.map(({ input, kind }): [string, string] => ['Filled in', `${input}: ${kind} of the sequence`]),
    ['Manifest', model.manifest === 'given' ? 'brought by the model' : 'found out by experiment'],
    [
      'Golden check',
      golden
        ? `${golden.cases} cases of ${golden.producer}, largest difference ${short(golden.worstDifference, 2)} of ${golden.tolerance} allowed`
        : 'the model brings none',
    ],
    ['SHA-256', digest.sha256],
  ];
  return (
    <div class="about">
      {card === null && <p class="empty">This model brings no CARD.md.</p>}
      {card && <Markdown text={card} />}
      <dl class="graph-facts">
        {facts.map(([term, fact]) => (
          <div>
            <dt>{term}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
