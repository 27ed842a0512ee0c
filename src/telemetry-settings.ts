// The settings of what is told about requests: a log line for each, and traces.
import { z } from 'zod';
import { flag, setting } from './setting.ts';

export const TELEMETRY_SETTINGS = {
  accessLog: setting('POLYHEAD_ACCESS_LOG', flag, false, 'log a line for every request'),
  traces: setting(
    'POLYHEAD_TRACES',
    z.enum(['off', 'otlp']),
    'off',
    "otlp: send traces to an OpenTelemetry collector, which OpenTelemetry's own variables name (OTEL_EXPORTER_OTLP_ENDPOINT)",
  ),
  traceShare: setting(
    'POLYHEAD_TRACE_SHARE',
    z
      .string()
      .regex(/^(0|1|0?\.[0-9]{1,9}|1\.0*)$/, 'expected a share from 0 to 1')
      .transform(Number),
    1,
    'share of requests that are traced where their caller has not decided (W3C traceparent)',
  ),
} as const;
