// Requests and batches as OpenTelemetry spans. A request has a span of its own and, under it, one for every wait in the queue. A
// batch has a span under the request that waited longest, linked to all its requests, and their waits are linked to it.
import { type Context, type Link, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { TracerProvider } from '@opentelemetry/sdk-trace';
import type { RequestTrace, TraceAttributes, TracedBatch } from '../core/trace.ts';

type Headers = Readonly<Record<string, unknown>>;

const PROPAGATOR = new W3CTraceContextPropagator();
const GETTER = {
  keys: (headers: Headers) => Object.keys(headers),
  get: (headers: Headers, name: string) => headers[name] as string | undefined,
};
/** How far the wall clock may be from where it was expected before it is taken to have been set. */
const CLOCK_SET_MS = 50;

/** Moments of performance.now() by the wall clock: finer than the clock itself, and in one order. */
class Clock {
  #originMs = performance.timeOrigin;

  at(ms: number): number {
    return this.#originMs + ms;
  }

  now(): number {
    const wentMs = Date.now() - this.at(performance.now());
    if (Math.abs(wentMs) > CLOCK_SET_MS) this.#originMs += wentMs;
    return this.at(performance.now());
  }
}

class SpanTrace implements RequestTrace {
  readonly #clock: Clock;
  readonly span: Span;

  constructor(span: Span, clock: Clock) {
    this.span = span;
    this.#clock = clock;
  }

  get context(): Context {
    return trace.setSpan(ROOT_CONTEXT, this.span);
  }

  get traceId(): string {
    return this.span.spanContext().traceId;
  }

  get sampled(): boolean {
    return this.span.isRecording();
  }

  get response(): string {
    const { traceId, spanId, traceFlags } = this.span.spanContext();
    return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  }

  end(attributes: TraceAttributes, fault?: string): void {
    if (!this.sampled) return;
    this.span.setAttributes(attributes);
    if (fault) this.span.setStatus({ code: SpanStatusCode.ERROR, message: fault });
    this.span.end(this.#clock.now());
  }
}

export class Spans {
  readonly #tracer;
  readonly #clock = new Clock();

  constructor(provider: TracerProvider, version: string) {
    this.#tracer = provider.getTracer('polyhead', version);
  }

  request(name: string, headers: Headers, attributes: () => TraceAttributes): RequestTrace {
    const parent = PROPAGATOR.extract(ROOT_CONTEXT, headers, GETTER);
    const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER, startTime: this.#clock.now() }, parent);
    if (span.isRecording()) span.setAttributes(attributes());
    return new SpanTrace(span, this.#clock);
  }

  batch(batch: TracedBatch): void {
    const waits = batch.waits
      .map(wait => ({ sinceMs: wait.sinceMs, trace: wait.trace as SpanTrace }))
      .sort((a, b) => a.sinceMs - b.sinceMs);
    const { model, version, takenMs, endMs } = batch;
    const attributes = {
      'polyhead.model': model,
      'polyhead.version': version,
      'polyhead.batch.sequences': batch.size,
      'polyhead.batch.steps': batch.steps,
      'polyhead.batch.padded_steps': batch.paddedSteps,
    };
    const links = waits.map(wait => ({ context: wait.trace.span.spanContext() }));
    const startTime = this.#clock.at(takenMs);
    const span = this.#tracer.startSpan('batch', { startTime, attributes, links }, waits[0].trace.context);
    const inside = trace.setSpan(ROOT_CONTEXT, span);
    if (batch.fault) span.setStatus({ code: SpanStatusCode.ERROR, message: batch.fault });
    else this.#stages(batch, inside);
    span.end(this.#clock.at(endMs));
    const link = [{ context: span.spanContext() }];
    for (const wait of waits) this.#stage('queue', wait.sinceMs, takenMs, wait.trace.context, link);
  }

  #stages({ takenMs, startMs, collateMs, runMs, splitMs, endMs }: TracedBatch, inside: Context): void {
    this.#stage('collate', takenMs, takenMs + collateMs, inside);
    this.#stage('run', startMs, startMs + runMs, inside);
    this.#stage('split', endMs - splitMs, endMs, inside);
  }

  #stage(name: string, startMs: number, endMs: number, under: Context, links?: Link[]): void {
    this.#tracer.startSpan(name, { startTime: this.#clock.at(startMs), links }, under).end(this.#clock.at(endMs));
  }
}
