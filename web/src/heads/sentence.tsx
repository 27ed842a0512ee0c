// Tags over words: one head at a time in colours, all of them for the word that is pointed at.
import { useState } from 'preact/hooks';
import { hueOf } from '../colour.ts';
import { percent, spoken } from '../format.ts';
import type { Labelled, Prediction } from '../model.ts';

interface Props {
  words: readonly string[];
  heads: readonly Labelled[];
  prediction: Prediction;
}

export function Sentence({ words, heads, prediction }: Props) {
  const [name, setName] = useState(heads[0].name);
  const [at, setAt] = useState(0);
  const head = heads.find(h => h.name === name) ?? heads[0];
  const steps = prediction.heads[head.name].steps ?? [];
  const word = Math.min(at, words.length - 1);
  return (
    <figure class="head wide tagged" data-head={head.name}>
      <fieldset class="choice">
        <legend class="sr-only">Head shown over the words</legend>
        {heads.map(h => (
          <label title={h.description}>
            <input type="radio" name="tag-head" checked={h === head} onChange={() => setName(h.name)} />
            {spoken(h.name)}
          </label>
        ))}
      </fieldset>
      {head.description && <p class="hint">{head.description}</p>}
      <ol class="words">
        {words.map((text, t) => (
          <li>
            <button
              type="button"
              aria-pressed={t === word}
              style={{ '--hue': hueOf(head.labels.indexOf(steps[t]?.label ?? '')) }}
              onClick={() => setAt(t)}
              onMouseEnter={() => setAt(t)}
              onFocus={() => setAt(t)}
            >
              <span class="word">{text}</span>
              <span class="tag">{steps[t]?.label}</span>
            </button>
          </li>
        ))}
      </ol>
      <div class="word-answers">
        <strong class="which">{words[word]}</strong>
        <dl>
          {heads.map(h => {
            const answer = prediction.heads[h.name].steps?.[word];
            return (
              <div>
                <dt>{spoken(h.name)}</dt>
                <dd>
                  {answer?.label} <small>{percent(answer?.probability ?? 0)}</small>
                </dd>
              </div>
            );
          })}
        </dl>
      </div>
    </figure>
  );
}
