// A value in its unit with the interval that is meant to hold it.

import { short, unitSign } from '../format.ts';
import type { Answer, Regression } from '../model.ts';

export function Interval({ head, answer, before }: { head: Regression; answer: Answer; before?: Answer }) {
  const { value = 0, sd, lower, upper } = answer;
  const coverage = head.coverage ?? head.interval?.coverage;
  const unit = unitSign(head.unit);
  const ends = [value, lower, upper, before?.value, before?.lower, before?.upper].filter(end => end !== undefined);
  const drawn = ends.every(Number.isFinite);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const room = 0.12 * (high - low || 1);
  const place = (end: number) => `${(100 * (end - low + room)) / (high - low + 2 * room)}%`;
  const range = (from: number, to: number) => ({ left: place(from), right: `calc(100% - ${place(to)})` });
  return (
    <div class="interval">
      <p class="value">
        {short(value, 3)} {sd !== undefined && <span class="sd">± {short(sd, 3)}</span>} <small>{unit}</small>
      </p>
      {drawn && lower !== undefined && upper !== undefined && (
        <>
          <div class="range" aria-hidden="true">
            {before?.lower !== undefined && before.upper !== undefined && (
              <span class="ghost" style={range(before.lower, before.upper)} />
            )}
            <span class="span" style={range(lower, upper)} />
            {before?.value !== undefined && <span class="dot earlier" style={{ left: place(before.value) }} />}
            <span class="dot" style={{ left: place(value) }} />
          </div>
          <p class="ends">
            {short(lower, 3)} to {short(upper, 3)} {unit}
            {coverage && <span> · meant to hold {100 * coverage} %</span>}
          </p>
        </>
      )}
    </div>
  );
}
