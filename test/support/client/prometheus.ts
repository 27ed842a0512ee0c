// The Prometheus text format, read strictly, as far as this server writes it.
import assert from 'node:assert/strict';

export interface Metrics {
  /** Families by name, with their type. */
  readonly families: ReadonlyMap<string, string>;
  /** Samples by name and labels as written. */
  readonly samples: ReadonlyMap<string, number>;
}

const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"/;
const SAMPLE = new RegExp(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\\{${LABEL.source}(?:,${LABEL.source})*\\})? (\\S+)$`);
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN|Nan)$/i;

/** @throws {AssertionError} at a line that is none, a family without help or type, or a series given twice. */
export function parseMetrics(text: string): Metrics {
  const families = new Map<string, string>();
  const helped = new Set<string>();
  const samples = new Map<string, number>();
  assert.ok(text.endsWith('\n'), 'the last line has no end');
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment) {
      const [, kind, name, rest] = comment;
      if (kind === 'HELP') helped.add(name);
      else families.set(name, rest);
      continue;
    }
    const sample = SAMPLE.exec(line);
    assert.ok(sample, `no sample: ${line}`);
    const [, name, labels = '', value] = sample;
    assert.match(value, NUMBER, line);
    const family = families.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
    assert.ok(families.has(family) && helped.has(family), `${line} has no help and type before it`);
    assert.ok(!samples.has(name + labels), `${name}${labels} is given twice`);
    samples.set(name + labels, Number(value.replace('Inf', 'Infinity')));
  }
  return { families, samples };
}
