// A storm on a map: the fixes given, and from each of them where the heads say that it will be.
import { useEffect, useState } from 'preact/hooks';
import { short } from '../format.ts';
import { isValue, type Model, type NumericInput, type Regression } from '../model.ts';
import type { Answered } from '../model-page.tsx';
import type { Table } from '../sequence/draft.ts';

interface Place {
  readonly lat: number;
  readonly long: number;
}
interface Forecast extends Place {
  readonly lats: readonly [number, number];
  readonly longs: readonly [number, number];
}
export interface TrackData {
  readonly fixes: readonly Place[];
  readonly forecasts: readonly Forecast[];
}

const LAT = /^(lat|latitude)$/;
const LONG = /^(lon|long|lng|longitude)$/;

/** Where features and heads per step both name a latitude and a longitude in degrees. */
export function trackOf({ inputs, heads }: Model, { draft, prediction }: Answered): TrackData | undefined {
  const input = inputs.find((i): i is NumericInput => i.kind === 'numeric');
  const place = (pattern: RegExp) => input?.features.findIndex(f => pattern.test(f.name)) ?? -1;
  const answer = (pattern: RegExp) =>
    heads.find((h): h is Regression => isValue(h) && h.per === 'step' && pattern.test(h.name));
  const [lat, long] = [answer(LAT), answer(LONG)];
  if (!input || !lat || !long || place(LAT) < 0 || place(LONG) < 0) return undefined;
  const fixes = (draft[input.name] as Table).map(step => ({
    lat: Number(step[place(LAT)]),
    long: Number(step[place(LONG)]),
  }));
  const longs = prediction.heads[long.name].steps ?? [];
  const forecasts = (prediction.heads[lat.name].steps ?? []).map((step, t): Forecast => {
    const [y, x] = [step.value ?? 0, longs[t].value ?? 0];
    return {
      lat: y,
      long: x,
      lats: [step.lower ?? y, step.upper ?? y],
      longs: [longs[t].lower ?? x, longs[t].upper ?? x],
    };
  });
  return { fixes, forecasts };
}

const WIDTH = 720;
const HEIGHT = 400;

export function Track({ track }: { track: TrackData }) {
  const land = useLand();
  const { fixes, forecasts } = track;
  const view = viewOf(track);
  const at = ({ lat, long }: Place) => `${view.x(long).toFixed(1)},${view.y(lat).toFixed(1)}`;
  const last = forecasts[forecasts.length - 1];
  const now = fixes[fixes.length - 1];
  const inFrame = land?.filter(ring => ring.some(([x, y]) => view.holds(x, y)));
  return (
    <figure class="head wide track" data-head="track">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`Map: ${fixes.length} fixes, the last at ${degrees(now)}; forecast at ${degrees(last)}`}
      >
        <rect class="sea" width={WIDTH} height={HEIGHT} />
        <path
          class="land"
          d={inFrame?.map(ring => `M${ring.map(([long, lat]) => at({ lat, long })).join('L')}Z`).join('')}
        />
        <Graticule view={view} />
        {forecasts.map((forecast, t) => (
          <path class="towards" d={`M${at(fixes[t])}L${at(forecast)}`} />
        ))}
        {last && (
          <rect
            class="likely"
            x={view.x(last.longs[0])}
            y={view.y(last.lats[1])}
            width={Math.max(1, view.x(last.longs[1]) - view.x(last.longs[0]))}
            height={Math.max(1, view.y(last.lats[0]) - view.y(last.lats[1]))}
            rx="6"
          />
        )}
        <path class="taken" d={`M${fixes.map(at).join('L')}`} />
        {fixes.map(fix => (
          <circle class="fix" r="4" cx={view.x(fix.long)} cy={view.y(fix.lat)} />
        ))}
        {forecasts.map((forecast, t) => (
          <circle
            class={t === forecasts.length - 1 ? 'forecast last' : 'forecast'}
            r={t === forecasts.length - 1 ? 6 : 3}
            cx={view.x(forecast.long)}
            cy={view.y(forecast.lat)}
          />
        ))}
      </svg>
      <figcaption>
        <span class="key fix-key">given</span>
        <span class="key forecast-key">forecast from each fix</span>
        <span>the last: {degrees(last)}; the box is its interval · outlines: Natural Earth</span>
      </figcaption>
    </figure>
  );
}

function degrees(place: Place | undefined): string {
  if (!place) return '';
  const { lat, long } = place;
  return `${short(Math.abs(lat), 3)}° ${lat < 0 ? 'S' : 'N'}, ${short(Math.abs(long), 3)}° ${long < 0 ? 'W' : 'E'}`;
}

interface View {
  readonly west: number;
  readonly east: number;
  readonly south: number;
  readonly north: number;
  x(long: number): number;
  y(lat: number): number;
  holds(long: number, lat: number): boolean;
}

/** A frame around all points, equirectangular about their middle latitude so that shapes near it are true. */
function viewOf({ fixes, forecasts }: TrackData): View {
  const points = [...fixes, ...forecasts];
  const lats = points.map(p => p.lat);
  const longs = points.map(p => p.long);
  const middle = {
    lat: (Math.min(...lats) + Math.max(...lats)) / 2,
    long: (Math.min(...longs) + Math.max(...longs)) / 2,
  };
  const squeeze = Math.max(0.2, Math.cos((middle.lat * Math.PI) / 180));
  const tall = Math.max(16, 1.5 * (Math.max(...lats) - Math.min(...lats)));
  const wide = Math.max(1.5 * (Math.max(...longs) - Math.min(...longs)), (tall * WIDTH) / HEIGHT / squeeze);
  const scale = WIDTH / wide;
  const half = HEIGHT / scale / squeeze / 2;
  const [west, east, south, north] = [
    middle.long - wide / 2,
    middle.long + wide / 2,
    middle.lat - half,
    middle.lat + half,
  ];
  return {
    west,
    east,
    south,
    north,
    x: long => (long - west) * scale,
    y: lat => (north - lat) * scale * squeeze,
    holds: (long, lat) => long > west - 30 && long < east + 30 && lat > south - 30 && lat < north + 30,
  };
}

function Graticule({ view }: { view: View }) {
  const lines = (low: number, high: number) =>
    Array.from(
      { length: Math.max(0, Math.floor(high / 10) - Math.ceil(low / 10) + 1) },
      (_, i) => 10 * (Math.ceil(low / 10) + i),
    );
  return (
    <g class="graticule">
      {lines(view.south, view.north).map(lat => (
        <>
          <path d={`M0,${view.y(lat)}H${WIDTH}`} />
          <text x="6" y={view.y(lat) - 4}>
            {Math.abs(lat)}° {lat < 0 ? 'S' : 'N'}
          </text>
        </>
      ))}
      {lines(view.west, view.east).map(long => (
        <>
          <path d={`M${view.x(long)},0V${HEIGHT}`} />
          <text x={view.x(long) + 4} y={HEIGHT - 6}>
            {Math.abs(long)}° {long < 0 ? 'W' : 'E'}
          </text>
        </>
      ))}
    </g>
  );
}

type Ring = readonly (readonly [number, number])[];

/** Outlines of the land, fetched when the first track is drawn. */
function useLand(): readonly Ring[] | undefined {
  const [land, setLand] = useState<readonly Ring[]>();
  useEffect(() => {
    void import('./land.ts').then(({ rings }) => setLand(rings));
  }, []);
  return land;
}
