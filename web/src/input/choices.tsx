// An input that takes only some values: a choice for each value, and steps put on and taken off where it is a plain list.
import { spoken } from '../format.ts';
import { rowTimeAxis } from '../media/shape.ts';
import type { Input, Scalar } from '../model.ts';
import { Scroll } from '../scroll.tsx';

export type ListedInput = Extract<Input, { kind: 'token' | 'tensor' }> & { readonly values: readonly Scalar[] };
interface Props {
  input: ListedInput;
  /** A plain list, or lists of lists as the tensor has axes. */
  part: readonly unknown[];
  onChange: (part: unknown) => void;
}
interface Place {
  readonly path: readonly number[];
  readonly value: unknown;
}

/** More choices than that are no help: they are typed. */
const MOST_CHOICES = 200;

/** Whether a choice for each value can be shown. */
export function isListed(input: Input, part: unknown): input is ListedInput {
  if (input.kind !== 'token' && input.kind !== 'tensor') return false;
  return input.values !== undefined && Array.isArray(part) && placesIn(part).length <= MOST_CHOICES;
}

export function Choices({ input, part, onChange }: Props) {
  const { time } = input;
  const lines = part.some(Array.isArray) ? part.map((inner, i) => placesIn(inner, [i])) : [placesIn(part)];
  const steps = !part.some(Array.isArray) && (input.kind === 'token' || rowTimeAxis(input) === 0);
  const stride = time.pad ? 1 : (time.multipleOf ?? 1);
  return (
    <>
      <Scroll label={`Values of ${input.name}`}>
        {lines.map(line => (
          <div class="choices">
            {line.map(({ path, value }) => (
              <Choice
                label={`${spoken(input.name)}, ${path.map(i => i + 1).join(', ')}`}
                values={input.values}
                value={value}
                onChange={next => onChange(withValue(part, path, next))}
              />
            ))}
          </div>
        ))}
      </Scroll>
      {steps && (
        <div class="actions">
          <button
            type="button"
            disabled={part.length + stride > time.maximum}
            onClick={() => onChange([...part, ...Array.from({ length: stride }, () => part[part.length - 1])])}
          >
            Add a step
          </button>
          <button
            type="button"
            disabled={part.length - stride < time.minimum}
            onClick={() => onChange(part.slice(0, -stride))}
          >
            Remove the last
          </button>
        </div>
      )}
    </>
  );
}

/** One of the values that an input takes; what is none of them, as nothing is, is shown as such. */
export function Choice(props: {
  label: string;
  values: readonly Scalar[];
  value: unknown;
  onChange: (value: Scalar | undefined) => void;
}) {
  const { label, values, value, onChange } = props;
  const chosen = values.findIndex(one => String(one) === String(value));
  return (
    <select aria-label={label} value={chosen} onChange={event => onChange(values[Number(event.currentTarget.value)])}>
      {chosen < 0 && <option value={-1}>{value === undefined ? 'none' : String(value)}</option>}
      {values.map((one, i) => (
        <option value={i}>{String(one)}</option>
      ))}
    </select>
  );
}

function placesIn(part: unknown, path: readonly number[] = []): Place[] {
  if (!Array.isArray(part)) return [{ path, value: part }];
  return part.flatMap((inner, i) => placesIn(inner, [...path, i]));
}

function withValue(part: unknown, [first, ...rest]: readonly number[], value: unknown): unknown {
  return first === undefined
    ? value
    : (part as unknown[]).with(first, withValue((part as unknown[])[first], rest, value));
}
