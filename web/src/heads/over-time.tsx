// Heads that answer at every time step: values as a line in their interval, classes as a map of probabilities.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { hueOf } from '../colour.ts';
import { percent, short, spoken, unitSign } from '../format.ts';
import type { Answer, Labelled, Regression } from '../model.ts';
import { colourOf, pixels, useTheme } from '../theme.tsx';

interface Steps<H> {
  head: H;
  steps: readonly Answer[];
  before?: readonly Answer[];
}

export function ValuesOverTime({ head, steps, before }: Steps<Regression>) {
  const last = steps[steps.length - 1];
  const bounds = last.lower === undefined ? '' : ` (${short(last.lower)} to ${short(last.upper ?? 0)})`;
  return (
    <>
      <Curve label={`${spoken(head.name)} after every step`} {...curvesOf(steps, before)} />
      <p class="ends">
        after step {steps.length}: {short(last.value ?? 0)} {unitSign(head.unit)}
        {bounds}
      </p>
    </>
  );
}

/** Binary heads are one line; of many labels only the chosen one is told. */
export function ClassesOverTime({ head, steps, before }: Steps<Labelled>) {
  if (head.kind === 'binary') {
    const yes = (step: Answer) => ({
      value:
        step.probabilities?.[head.labels[1]] ?? (step.label === head.labels[1] ? step.probability : undefined) ?? 0,
    });
    const last = yes(steps[steps.length - 1]).value;
    return (
      <>
        <Curve label={`Probability of ${head.labels[1]}`} {...curvesOf(steps.map(yes), before?.map(yes))} unit />
        <p class="ends">
          after step {steps.length}: {head.labels[1]} {percent(last)}
        </p>
      </>
    );
  }
  if (!steps[0].probabilities || head.labels.length > 24) return <ChosenLabels steps={steps} />;
  const last = steps[steps.length - 1];
  return (
    <div class="class-map" style={{ '--steps': steps.length }}>
      {head.labels.map((label, l) => (
        <div class="class-row">
          <span class="label">{label}</span>
          <ol aria-label={label}>
            {steps.map((step, t) => (
              <Tile
                hue={hueOf(l)}
                probability={step.probabilities?.[label] ?? 0}
                chosen={labelsOf(step).includes(label)}
                step={t}
              />
            ))}
          </ol>
        </div>
      ))}
      <p class="ends">
        after step {steps.length}: {labelsOf(last).join(', ') || 'none of them'}{' '}
        {last.probability !== undefined && percent(last.probability)}
      </p>
    </div>
  );
}

function Tile(props: { hue: string; probability: number; chosen: boolean; step: number }) {
  const { hue, probability, chosen, step } = props;
  const text = `step ${step + 1}: ${percent(probability)}`;
  return (
    <li class={chosen ? 'chosen' : undefined} style={{ '--hue': hue, '--part': probability }} title={text}>
      <span class="sr-only">{text}</span>
    </li>
  );
}

/** One label, or those of many that hold. */
function labelsOf({ label, labels }: Answer): readonly string[] {
  return labels ?? (label === undefined ? [] : [label]);
}

function ChosenLabels({ steps }: { steps: readonly Answer[] }) {
  return (
    <ol class="chosen-labels">
      {steps.map(({ label, labels, probability }) => (
        <li>
          {labelsOf({ label, labels }).join(', ') || '–'}{' '}
          {probability !== undefined && <small>{percent(probability)}</small>}
        </li>
      ))}
    </ol>
  );
}

interface Curves {
  values: number[];
  lower?: number[];
  upper?: number[];
  earlier?: number[];
}

function curvesOf(steps: readonly Answer[], before: readonly Answer[] | undefined): Curves {
  const each = (pick: (step: Answer) => number | undefined, from = steps) =>
    pick(from[0]) === undefined ? undefined : from.map(step => pick(step) as number);
  return {
    values: each(step => step.value) ?? [],
    lower: each(step => step.lower),
    upper: each(step => step.upper),
    earlier: before && each(step => step.value, before),
  };
}

/** `unit`: the values are probabilities, so the axis goes from 0 to 1. */
function Curve({ label, values, lower, upper, earlier, unit }: Curves & { label: string; unit?: boolean }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const theme = useTheme();
  // What is no number is a gap.
  const line = (numbers?: number[]) => values.map((_, t) => (Number.isFinite(numbers?.[t]) ? numbers?.[t] : null));
  const data: uPlot.AlignedData = [values.map((_, t) => t + 1), line(lower), line(upper), line(values), line(earlier)];
  // new colours want a new plot; data follow below
  useEffect(() => {
    const element = host.current as HTMLDivElement;
    const made = new uPlot(curveOptions(element, unit), data, element);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: element.clientHeight }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
    };
  }, [theme, unit]);
  useEffect(() => plot.current?.setData(data));
  return <div class="curve" ref={host} role="img" aria-label={`${label}: ${values.map(v => short(v)).join(', ')}`} />;
}

function curveOptions(element: HTMLElement, unit: boolean | undefined): uPlot.Options {
  const [line, band, grid, ink, ghost] = ['--line', '--band', '--hair', '--soft', '--ghost'].map(name =>
    colourOf(element, name),
  );
  const px = pixels(element);
  const font = `${px(11)}px ${getComputedStyle(element).fontFamily}`;
  const axis = { stroke: ink, font, gap: px(4), ticks: { show: false }, grid: { stroke: grid, width: 1 } };
  const whole = (_u: uPlot, ticks: number[]) => ticks.map(tick => (Number.isInteger(tick) ? String(tick) : ''));
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { size: px(8), fill: line } },
    scales: {
      x: { time: false, range: (_u, low, high) => [low - 0.3, high + 0.3] },
      y: unit ? { range: [0, 1] } : {},
    },
    axes: [
      { ...axis, size: px(20), values: whole, grid: { show: false } },
      { ...axis, size: px(42), space: px(22) },
    ],
    bands: [{ series: [2, 1], fill: band }],
    series: [
      {},
      { stroke: 'transparent', points: { show: false } },
      { stroke: 'transparent', points: { show: false } },
      { stroke: line, width: px(2), points: { show: true, size: px(5), fill: line } },
      { stroke: ghost, width: px(1.5), dash: [px(4), px(4)], points: { show: false } },
    ],
  };
}
