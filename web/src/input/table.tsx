// The time steps as a table: one row a step, numbers and categories in cells that can be typed into.

import { plural, spoken, unitSign } from '../format.ts';
import type { Feature, NumericInput } from '../model.ts';
import { Scroll } from '../scroll.tsx';
import type { Table, Value } from '../sequence/draft.ts';

interface Props {
  input: NumericInput;
  table: Table;
  onChange: (table: Table) => void;
}

export function StepTable({ input, table, onChange }: Props) {
  const { features, time } = input;
  const set = (t: number, f: number, value: Value) => onChange(withCell(table, t, f, value));
  const canAdd = table.length < time.maximum;
  const canDrop = table.length > time.minimum;
  return (
    <details class="steps">
      <summary>{plural(table.length, 'time step')} as a table</summary>
      <Scroll label={`Time steps of ${input.name}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">step</th>
              {features.map(feature => (
                <th scope="col" title={titleOf(feature)}>
                  {spoken(feature.name)}
                  {feature.unit && <small> {unitSign(feature.unit)}</small>}
                </th>
              ))}
              <th scope="col">
                <span class="sr-only">remove</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {table.map((step, t) => (
              <tr>
                <th scope="row">{t + 1}</th>
                {features.map((feature, f) => (
                  <td>
                    <Cell feature={feature} step={t} value={step[f]} onChange={value => set(t, f, value)} />
                  </td>
                ))}
                <td>
                  <button
                    type="button"
                    class="icon"
                    aria-label={`Remove step ${t + 1}`}
                    disabled={!canDrop}
                    onClick={() => onChange(table.toSpliced(t, 1))}
                  >
                    ×
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <button type="button" disabled={!canAdd} onClick={() => onChange([...table, table[table.length - 1]])}>
        Add a step
      </button>
    </details>
  );
}

function Cell(props: { feature: Feature; step: number; value: Value; onChange: (value: Value) => void }) {
  const { feature, step, value, onChange } = props;
  const label = `${spoken(feature.name)}, step ${step + 1}`;
  if (feature.categories) {
    return (
      <select aria-label={label} value={value ?? ''} onChange={event => onChange(event.currentTarget.value || null)}>
        {feature.missing && <option value="">missing</option>}
        {feature.categories.map(category => (
          <option>{category}</option>
        ))}
      </select>
    );
  }
  const type = (text: string) => {
    const number = Number(text);
    if (text.trim() === '' && feature.missing) onChange(null);
    else if (text.trim() !== '' && Number.isFinite(number)) onChange(number);
  };
  return (
    <input
      type="number"
      aria-label={label}
      step={feature.integer ? 1 : 'any'}
      min={feature.minimum}
      max={feature.maximum}
      placeholder={feature.missing ? 'missing' : undefined}
      value={value ?? ''}
      onChange={event => type(event.currentTarget.value)}
    />
  );
}

export function withCell(table: Table, t: number, f: number, value: Value): Table {
  return table.with(t, table[t].with(f, value));
}

/** Meaning and range of a feature, for the tip over its heading. */
export function titleOf({ description, minimum, maximum, unit, categories }: Feature): string {
  const range = minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum} ${unitSign(unit)}` : '';
  return [description, range.trim(), categories && `one of ${categories.join(', ')}`].filter(Boolean).join('; ');
}
