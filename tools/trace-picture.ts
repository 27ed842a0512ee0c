// Writes docs/trace.svg: three requests to a real server that come together and share a batch, as a
// collector received their spans.
import { writeFileSync } from 'node:fs';
import { startTracing } from '../src/telemetry/otlp.ts';
import { listen } from '../test/support/client/client.ts';
import { type CollectedSpan, Collector } from '../test/support/client/collector.ts';
import { repositoryOf } from '../test/support/models/served-copies.ts';
import { log, ROOT, startApp } from '../test/support/server/service.ts';

const WIDTH = 900;
const LEFT = 330;
const ROW = 24;
const COLOURS: Readonly<Record<string, string>> = {
  queue: '#e0a51a',
  batch: '#2f9e62',
  collate: '#8fc9a8',
  run: '#57b383',
  split: '#8fc9a8',
};

const collector = await Collector.start();
process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.endpoint;
const tracing = startTracing({ version: 'picture', share: 0, onSpans: () => {} }, log);
const env = { POLYHEAD_MODEL_REPOSITORY: repositoryOf('models/weather'), POLYHEAD_WORKERS: '1' };
const app = await startApp(env, undefined, tracing);
const origin = await listen(app);
const day = [0.5, 12, 5, 4.7, 4, 120, 1];
const sequence = (days: number) => Array.from({ length: days }, () => day);

async function ask(nibble: string | undefined, sequences: number[][][]): Promise<void> {
  const traced: Record<string, string> = nibble
    ? { traceparent: `00-${nibble.repeat(32)}-${nibble.repeat(16)}-01` }
    : {};
  await fetch(`${origin}/v1/models/weather/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...traced },
    body: JSON.stringify({ sequences }),
  }).then(reply => reply.arrayBuffer());
}

for (let i = 0; i < 200; i++) await Promise.all([1, 2, 3].map(() => ask(undefined, [sequence(10)]))); // warm
await Promise.all([
  ask(
    'a',
    Array.from({ length: 24 }, () => sequence(60)),
  ),
  ask('b', [sequence(12)]),
  ask('c', [sequence(10), sequence(9)]),
]);
await app.close();
await collector.close();

/** Each span with its depth, a parent before its children. */
function ordered(spans: readonly CollectedSpan[], parent: string, depth: number): [CollectedSpan, number][] {
  const children = spans.filter(span => span.parent === parent).sort((a, b) => Number(a.startNs - b.startNs));
  return children.flatMap(
    span => [[span, depth], ...ordered(spans, span.spanId, depth + 1)] as [CollectedSpan, number][],
  );
}

const rows = ['a', 'b', 'c'].flatMap(nibble => ordered(collector.spans, nibble.repeat(16), 0));
const [{ startNs: zero }] = collector.spans;
const from = Math.min(...rows.map(([span]) => Number(span.startNs - zero)));
const ms = (ns: bigint) => (Number(ns - zero) - from) / 1e6;
const whole = Math.max(...rows.map(([span]) => ms(span.endNs)));
const x = (time: number) => LEFT + ((WIDTH - LEFT - 20) * time) / whole;
const y = (row: number) => 44 + row * ROW;
const rowOf = new Map(rows.map(([span], row) => [span.spanId, row]));

const bars = rows.map(([span, depth], row) => {
  const [start, end] = [ms(span.startNs), ms(span.endNs)];
  const sequences = span.attributes['polyhead.batch.sequences'];
  const label = `${span.name}${sequences ? ` of ${sequences} sequences` : ''}`;
  const width = Math.max(1.5, x(end) - x(start));
  return `<text x="${12 + depth * 16}" y="${y(row) + 13}"${depth === 0 ? ' class="first"' : ''}>${label} · ${(end - start).toFixed(2)} ms</text>
<rect x="${x(start).toFixed(1)}" y="${y(row)}" width="${width.toFixed(1)}" height="16" rx="2" fill="${COLOURS[span.name] ?? '#5b8db8'}"/>`;
});
// Links between traces: from a wait to the batch that ended it, where that stands in another trace.
const links = rows.flatMap(([span], row) =>
  span.links
    .filter(link => span.name === 'queue' && link.traceId !== span.traceId)
    .map(link => {
      const to = rowOf.get(link.spanId) ?? 0;
      const at = x(ms(span.endNs));
      return `<path class="link" d="M${at.toFixed(1)} ${y(row)} C${(at + 40).toFixed(1)} ${y(row)} ${(at + 40).toFixed(1)} ${y(to) + 16} ${at.toFixed(1)} ${y(to) + 16}"/>`;
    }),
);
const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].find(width => whole / width <= 8) ?? 100;
const grid = Array.from({ length: Math.floor(whole / step) + 1 }, (_, i) => {
  const at = x(i * step).toFixed(1);
  return `<line x1="${at}" y1="34" x2="${at}" y2="${y(rows.length)}" class="grid"/><text x="${at}" y="26" class="small" text-anchor="middle">${+(i * step).toFixed(1)} ms</text>`;
});
const title = 'Three requests and the batch that they shared: their spans, and the links between them.';
writeFileSync(
  `${ROOT}docs/trace.svg`,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y(rows.length) + 12}" role="img">
<title>${title}</title>
<style>text{font:12px system-ui,sans-serif;fill:#222}.first{font-weight:600}.small{font-size:11px;fill:#666}.grid{stroke:#e3e8ee}.link{fill:none;stroke:#c9372c;stroke-width:1.6;stroke-dasharray:4 3}</style>
<rect width="${WIDTH}" height="${y(rows.length) + 12}" fill="#fff"/>
${[...grid, ...bars, ...links].join('\n')}
</svg>
`,
);
