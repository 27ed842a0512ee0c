// Sends spans to an OpenTelemetry collector by OTLP over HTTP. Where to, as whom and with which headers say OpenTelemetry's own
// variables (OTEL_EXPORTER_OTLP_ENDPOINT and the like), which its libraries read. Loaded only where tracing is asked for.
import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import type { Tracing } from '../core/trace.ts';
import { Spans } from './spans.ts';

export interface TracingOptions {
  readonly version: string;
  /** Of the requests whose caller has not decided. */
  readonly share: number;
  /** Told how many spans were sent, or could not be. */
  readonly onSpans: (outcome: 'sent' | 'lost', count: number) => void;
}

/** Spans that wait to be sent; what is over is lost, and counted. */
const MOST_WAITING = 8192;
const EVERY_MS = 1000;
const CLOSE_MS = 2000;
/** A collector that is away is told of once in so long. */
const QUIET_MS = 60_000;

export function startTracing({ version, share, onSpans }: TracingOptions, log: Logger): Tracing {
  diag.setLogger(quietly(log), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const exporter = counted(new OTLPTraceExporter(), onSpans);
  const named = resourceFromAttributes({ 'service.name': 'polyhead', 'service.version': version });
  const identified = resourceFromAttributes({ 'service.instance.id': crypto.randomUUID(), 'process.pid': process.pid });
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(named)
      .merge(identified)
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) }),
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: MOST_WAITING, scheduledDelayMillis: EVERY_MS })],
  });
  const spans = new Spans(provider, version);
  return {
    request: (name, headers, attributes) => spans.request(name, headers, attributes),
    batch: batch => spans.batch(batch),
    close: async () => {
      const late = new Promise<void>(resolve => setTimeout(resolve, CLOSE_MS).unref());
      await Promise.race([provider.shutdown().catch(() => {}), late]); // what cannot be sent must not hold the end
    },
  };
}

function counted(exporter: SpanExporter, onSpans: TracingOptions['onSpans']): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(spans, (result: ExportResult) => {
        onSpans(result.code === ExportResultCode.SUCCESS ? 'sent' : 'lost', spans.length);
        done(result);
      }),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
}

/** The library's warnings and errors, at most one in a while. */
function quietly(log: Logger): DiagLogger {
  let toldMs = -Infinity;
  const tell = (message: string, ...more: unknown[]) => {
    if (performance.now() - toldMs < QUIET_MS) return;
    toldMs = performance.now();
    log.warn({ detail: [message, ...more].map(String).join(' ').slice(0, 500) }, 'traces cannot be sent');
  };
  const nothing = () => {};
  return { error: tell, warn: tell, info: nothing, debug: nothing, verbose: nothing };
}
