// Every feature over time: numbers as lines whose points can be dragged, categories as a coloured strip.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { hueOf } from '../colour.ts';
import { short, spoken, unitSign } from '../format.ts';
import type { Feature, NumericInput } from '../model.ts';
import type { Table, Value } from '../sequence/draft.ts';
import { colourOf, pixels, useTheme } from '../theme.tsx';
import { titleOf, withCell } from './table.tsx';

interface Props {
  input: NumericInput;
  table: Table;
  onChange: (table: Table) => void;
}

export function FeaturePlots({ input, table, onChange }: Props) {
  return (
    <div class="plots">
      {input.features.map((feature, f) => {
        const values = table.map(step => step[f]);
        const set = (t: number, value: Value) => onChange(withCell(table, t, f, value));
        const last = values[values.length - 1];
        return (
          <figure class="plot" title={titleOf(feature)}>
            <figcaption>
              <span>{spoken(feature.name)}</span>
              <output>
                {typeof last === 'number' ? short(last) : (last ?? 'missing')} {unitSign(feature.unit)}
              </output>
            </figcaption>
            {feature.categories ? (
              <Strip feature={feature} categories={feature.categories} values={values} onChange={set} />
            ) : (
              <Line feature={feature} values={values as (number | null)[]} onChange={set} />
            )}
          </figure>
        );
      })}
    </div>
  );
}

function Strip(props: {
  feature: Feature;
  categories: readonly string[];
  values: readonly Value[];
  onChange: (t: number, value: string) => void;
}) {
  const { feature, categories, values, onChange } = props;
  const next = (value: Value) => categories[(categories.indexOf(String(value)) + 1) % categories.length];
  const told = (value: Value) => value ?? 'missing';
  return (
    <ol class="strip" data-many={values.length > 40 || undefined}>
      {values.map((value, t) => (
        <li>
          <button
            type="button"
            tabIndex={-1}
            style={{ '--hue': hueOf(categories.indexOf(String(value))) }}
            aria-label={`${spoken(feature.name)}, step ${t + 1}: ${told(value)}`}
            title={`step ${t + 1}: ${told(value)}`}
            onClick={() => onChange(t, next(value))}
          >
            <span>{told(value)}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

/** null where a value is missing: the line has a gap there. */
type Numbers = readonly (number | null)[];

function Line(props: { feature: Feature; values: Numbers; onChange: (t: number, value: number) => void }) {
  const { feature, values } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const dragged = useRef<number>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const theme = useTheme();

  // new colours want a new plot
  useEffect(() => {
    const element = host.current as HTMLDivElement;
    const made = new uPlot(optionsFor(element, feature), dataOf(values), element);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: element.clientHeight }));
    watch.observe(element);
    const stop = dragging(made, latest, dragged);
    return () => {
      stop();
      watch.disconnect();
      made.destroy();
    };
  }, [feature, theme]);
  useEffect(() => {
    plot.current?.setData(dataOf(values), dragged.current === undefined); // the scale holds still under a dragged point
  }, [values]);
  const label = `${spoken(feature.name)} over ${values.length} time steps; the table has the same values to type into`;
  return <div class="line" ref={host} role="img" aria-label={label} />;
}

function dataOf(values: Numbers): uPlot.AlignedData {
  return [values.map((_, t) => t + 1), [...values]];
}

function optionsFor(element: HTMLElement, feature: Feature): uPlot.Options {
  const [line, grid, ink] = ['--line', '--hair', '--soft'].map(name => colourOf(element, name));
  const px = pixels(element);
  const font = `${px(11)}px ${getComputedStyle(element).fontFamily}`;
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { size: px(11), fill: line } },
    scales: { x: { time: false, range: (_u, low, high) => [low - 0.3, high + 0.3] }, y: { range: rangeOf(feature) } },
    axes: [
      { show: false },
      {
        stroke: ink,
        font,
        size: px(42),
        gap: px(4),
        ticks: { show: false },
        grid: { stroke: grid, width: 1 },
        space: px(20),
      },
    ],
    series: [{}, { stroke: line, width: px(1.75), points: { show: true, size: px(5), fill: line } }],
  };
}

/** Some room above and below to drag into, within what the feature may be. */
function rangeOf({ minimum = -Infinity, maximum = Infinity }: Feature) {
  return (_plot: uPlot, low: number, high: number): [number, number] => {
    const room = 0.25 * Math.max(high - low, Math.abs(high) * 0.1, 1);
    return [Math.max(minimum, low - room), Math.min(maximum, high + room)];
  };
}

/** Lets the nearest point follow the pointer up and down. */
function dragging(
  plot: uPlot,
  latest: {
    readonly current: { feature: Feature; values: Numbers; onChange: (t: number, v: number) => void };
  },
  dragged: { current: number | undefined },
): () => void {
  const move = (event: PointerEvent) => {
    const { feature, onChange } = latest.current;
    const { top } = plot.over.getBoundingClientRect();
    const { minimum = -Infinity, maximum = Infinity, integer } = feature;
    const value = Math.min(maximum, Math.max(minimum, plot.posToVal(event.clientY - top, 'y')));
    onChange(dragged.current as number, integer ? Math.round(value) : Number(value.toPrecision(3)));
  };
  const up = () => {
    dragged.current = undefined;
    plot.over.removeEventListener('pointermove', move);
    plot.setData(dataOf(latest.current.values));
  };
  const down = (event: PointerEvent) => {
    const { left } = plot.over.getBoundingClientRect();
    dragged.current = plot.posToIdx(event.clientX - left);
    plot.over.setPointerCapture(event.pointerId);
    plot.over.addEventListener('pointermove', move);
    move(event);
  };
  plot.over.addEventListener('pointerdown', down);
  plot.over.addEventListener('pointerup', up);
  plot.over.addEventListener('pointercancel', up);
  return () => plot.over.removeEventListener('pointerdown', down);
}
