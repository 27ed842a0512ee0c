// The receipt of an answer: how long it waited and ran, what it shared its run with, and who could have.
import { useEffect, useState } from 'preact/hooks';
import { Problem, predict } from '../api.ts';
import { ProblemNote } from '../app.tsx';
import { milliseconds, plural } from '../format.ts';
import type { Ride } from '../model.ts';
import { cutTo, lengthOf, sequenceOf } from '../sequence/draft.ts';
import { certificateText } from '../words.ts';
import type { PanelProps } from './panels.tsx';

interface Row {
  readonly length: number;
  readonly mine: boolean;
  readonly ride: Ride;
}
/** Requests sent at once to see them share runs. */
const CROWD = 24;

export function Receipt({ model, draft, answered }: PanelProps) {
  const [rows, setRows] = useState<readonly Row[]>();
  const [problem, setProblem] = useState<Problem>();
  // another input is another crowd
  useEffect(() => setRows(undefined), [model, draft]);
  if (!answered) return null;
  const { ride, prediction } = answered;
  const whole = lengthOf(model, draft);
  const least = Math.max(...model.inputs.map(input => ('time' in input ? input.time.minimum : 1)));

  const crowd = async () => {
    const lengths = Array.from({ length: CROWD }, (_, i) => Math.max(least, Math.ceil(((i + 1) * whole) / CROWD)));
    try {
      const rides = await Promise.all(
        lengths.map(length =>
          predict(model, { sequences: [sequenceOf(model.inputs, cutTo(model, draft, 0, length))] }),
        ),
      );
      setRows(rides.map((r, i) => ({ length: lengths[i], mine: lengths[i] === whole, ride: r.ride })));
      setProblem(undefined);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    }
  };
  return (
    <div class="receipt">
      <section>
        <h3>This answer</h3>
        <Timeline ride={ride} />
        <p class="hint">
          {ride.batchSize === 1
            ? `Ran by itself: ${plural(prediction.length, 'time step')}, no padding.`
            : `Ran with ${plural(ride.batchSize - 1, 'other sequence')}.`}
        </p>
        <h3>Who may share its run</h3>
        <ul class="sentences">
          {certificateText(model).map(sentence => (
            <li>{sentence}</li>
          ))}
        </ul>
      </section>
      <section>
        <h3>In company</h3>
        <p class="hint">
          {CROWD} callers at once, each with the first steps of this input. Every block is one run; hatched cells are
          padding.
        </p>
        <button type="button" onClick={crowd}>
          Send {CROWD} requests
        </button>
        {problem && <ProblemNote problem={problem} />}
        {rows && <Runs rows={rows} />}
      </section>
    </div>
  );
}

function Timeline({ ride }: { ride: Ride }) {
  const rest = Math.max(0, ride.roundTripMs - ride.queueMs - ride.runMs);
  const parts = [
    { name: 'queue', ms: ride.queueMs },
    { name: 'run', ms: ride.runMs },
    { name: 'way there and back', ms: rest },
  ];
  return (
    <>
      <div class="timeline" aria-hidden="true">
        {parts.map(({ name, ms }, i) => (
          <span class={`t${i}`} style={{ flexGrow: Math.max(ms, 0.02 * ride.roundTripMs) }} title={name} />
        ))}
      </div>
      <ul class="timeline-key">
        {parts.map(({ name, ms }, i) => (
          <li class={`t${i}`}>
            {name} <b>{milliseconds(ms)}</b>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Requests that report the same run time and batch size rode together. */
function Runs({ rows }: { rows: readonly Row[] }) {
  const runs = Map.groupBy(rows, ({ ride }) => `${ride.runMs}/${ride.batchSize}`);
  const longest = Math.max(...rows.map(row => row.length));
  return (
    <ol class="runs">
      {[...runs.values()].map(run => {
        const padded = Math.max(...run.map(row => row.length));
        const steps = run.reduce((sum, row) => sum + row.length, 0);
        const padding = Math.round(100 * (1 - steps / (padded * run.length)));
        return (
          <li>
            <p>
              {plural(run.length, 'sequence')}, {milliseconds(run[0].ride.runMs)}, {padding} % padding
            </p>
            <div class="batch" aria-hidden="true" style={{ width: `${Math.max(12, (100 * padded) / longest)}%` }}>
              {run
                .toSorted((a, b) => b.length - a.length)
                .map(row => (
                  <span>
                    <i style={{ width: `${(100 * row.length) / padded}%` }} />
                  </span>
                ))}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
