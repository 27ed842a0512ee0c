// The input as its data is: plots and a table for numbers, a sentence for tokens, pictures and sound, JSON for other tensors, a
// choice where only some values are taken.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { spoken } from '../format.ts';
import type { MediaInput } from '../media/read.ts';
import type { Input, Model, TensorInput } from '../model.ts';
import type { Example } from '../model-page.tsx';
import { type Draft, draftOf, type Table } from '../sequence/draft.ts';
import { pasted } from '../sequence/paste.ts';
import { sentenceOf, tokensOf, wordsOf } from '../sequence/tokens.ts';
import { Choice, Choices, isListed } from './choices.tsx';
import { MediaFile } from './media.tsx';
import { FeaturePlots } from './plots.tsx';
import { StepTable } from './table.tsx';

interface Props {
  model: Model;
  examples: readonly Example[];
  draft: Draft;
  onChange: (draft: Draft) => void;
  onBegin: (draft: Draft) => void;
  children: ComponentChildren;
}

export function InputEditor({ model, examples, draft, onChange, onBegin, children }: Props) {
  return (
    <>
      <header class="sheet-head">
        <h2 id="input-title">Input</h2>
        <div class="actions">
          {children}
          <ExampleChoice examples={examples} onChoose={sequence => onBegin(draftOf(model.inputs, sequence))} />
        </div>
      </header>
      {model.inputs.map(input => (
        <fieldset class="part">
          <legend class={model.inputs.length > 1 ? undefined : 'sr-only'}>{spoken(input.name)}</legend>
          <Part
            model={model}
            input={input}
            draft={draft}
            onChange={part => onChange({ ...draft, [input.name]: part })}
          />
          {input.kind !== 'side' && <Paste model={model} input={input} draft={draft} onBegin={onBegin} />}
        </fieldset>
      ))}
    </>
  );
}

function isMedia(input: TensorInput): input is MediaInput {
  return input.media !== undefined;
}

function ExampleChoice({
  examples,
  onChoose,
}: {
  examples: readonly Example[];
  onChoose: (sequence: unknown) => void;
}) {
  if (examples.length < 2) return null;
  const counts = { example: 0, golden: 0 };
  const names = examples.map(({ source }) => `${source === 'golden' ? 'Golden' : 'Example'} ${++counts[source]}`);
  return (
    <select aria-label="Start from" onChange={event => onChoose(examples[Number(event.currentTarget.value)].sequence)}>
      {names.map((name, i) => (
        <option value={i}>{name}</option>
      ))}
    </select>
  );
}

interface PartProps {
  model: Model;
  input: Input;
  draft: Draft;
  onChange: (part: unknown) => void;
}

function Part({ model, input, draft, onChange }: PartProps) {
  const part = draft[input.name];
  if (isListed(input, part)) return <Choices input={input} part={part as unknown[]} onChange={onChange} />;
  switch (input.kind) {
    case 'numeric':
      return (
        <>
          <FeaturePlots input={input} table={part as Table} onChange={onChange} />
          <StepTable input={input} table={part as Table} onChange={onChange} />
        </>
      );
    case 'token':
      return <Sentence input={input} tokens={part as string[]} onChange={onChange} />;
    case 'side':
      return <SideValue input={input} value={part} onChange={onChange} />;
    case 'tensor':
      if (isMedia(input)) {
        return (
          <>
            <MediaFile model={model} input={input} value={part} onChange={onChange} />
            <Values input={input} value={part} onChange={onChange} />
          </>
        );
      }
      return <Nested input={input} value={part} onChange={onChange} />;
    default:
      return <Nested input={input} value={part} onChange={onChange} />;
  }
}

type TokenInput = Extract<Input, { kind: 'token' }>;

function Sentence(props: { input: TokenInput; tokens: readonly string[]; onChange: (tokens: string[]) => void }) {
  const { input, tokens, onChange } = props;
  const [text, setText] = useState<{ tokens: readonly string[]; text: string }>();
  const shown = text && text.tokens === tokens ? text.text : sentenceOf(tokens);
  const type = (value: string) => {
    const next = input.split ? wordsOf(value) : tokensOf(value);
    setText({ tokens: next.length > 0 ? next : tokens, text: value });
    if (next.length > 0) onChange(next);
  };
  return (
    <>
      <textarea
        class="sentence"
        rows={3}
        aria-label={`Sentence for ${input.name}`}
        value={shown}
        onInput={event => type(event.currentTarget.value)}
      />
      <ol class="tokens" aria-label="Tokens">
        {tokens.map(token => (
          <li>{token}</li>
        ))}
      </ol>
    </>
  );
}

function SideValue(props: {
  input: Extract<Input, { kind: 'side' }>;
  value: unknown;
  onChange: (value: unknown) => void;
}) {
  const { input, value, onChange } = props;
  const sent = value ?? input.default;
  if (input.values) return <Choice label={input.name} values={input.values} value={sent} onChange={onChange} />;
  const type = (text: string) => onChange(text === '' ? undefined : Number.isNaN(Number(text)) ? text : Number(text));
  return (
    <input aria-label={input.name} value={String(sent ?? '')} onChange={event => type(event.currentTarget.value)} />
  );
}

interface NestedProps {
  input: Input;
  value: unknown;
  onChange: (value: unknown) => void;
}

/** The numbers of a picture or a recording: so many that they are written out only for those who ask. */
function Values(props: NestedProps) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>Its numbers</summary>
      {open && <Nested {...props} />}
    </details>
  );
}

/** A row of the graph's own shape, as text. */
function Nested({ input, value, onChange }: NestedProps) {
  const [problem, setProblem] = useState('');
  const read = (text: string) => {
    try {
      onChange(JSON.parse(text));
      setProblem('');
    } catch {
      setProblem('this is not JSON');
    }
  };
  return (
    <>
      <textarea
        class="nested"
        rows={6}
        spellcheck={false}
        aria-label={`Values of ${input.name} as JSON`}
        value={JSON.stringify(value)}
        onChange={event => read(event.currentTarget.value)}
      />
      {problem && <p class="problem">{problem}</p>}
    </>
  );
}

function Paste({ model, input, draft, onBegin }: Pick<Props, 'model' | 'draft' | 'onBegin'> & { input: Input }) {
  const [text, setText] = useState('');
  const [problem, setProblem] = useState('');
  const apply = () => {
    try {
      onBegin(pasted(model.inputs, draft, input, text));
      setProblem('');
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const kinds = input.kind === 'numeric' ? 'CSV or JSON' : input.kind === 'token' ? 'text or JSON' : 'JSON';
  return (
    <details class="paste">
      <summary>Paste {kinds}</summary>
      <textarea
        rows={5}
        spellcheck={false}
        aria-label={`${kinds} for ${input.name}`}
        placeholder={input.kind === 'numeric' ? `${input.features.map(f => f.name).join(',')}\n…` : '["…"]'}
        value={text}
        onInput={event => setText(event.currentTarget.value)}
      />
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <button type="button" onClick={apply}>
        Use it
      </button>
    </details>
  );
}
