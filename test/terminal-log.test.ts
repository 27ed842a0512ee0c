// The log on a terminal: lines for people, and a bar below them while models load.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { progressText, TerminalLog } from '../src/terminal-log.ts';

/** A terminal without colours, and what was written to it. */
function terminal(): { stream: NodeJS.WriteStream; written: () => string } {
  let text = '';
  const stream = { isTTY: true, columns: 60, hasColors: () => false, write: (more: string) => (text += more) };
  return { stream: stream as never, written: () => text };
}
/** What is to be seen at the end: each line after the last time it was cleared. */
const seen = (text: string) => text.split('\n').map(line => line.split('\r\u001b[K').at(-1));

test('a line says when, how bad, what, and what else is known of it', () => {
  const { stream, written } = terminal();
  const log = pino({ level: 'info' }, new TerminalLog(stream)).child({ model: 'weather', version: '1' });
  log.info({ provider: 'cpu', mixing: 'classes', nested: { not: 'told' } }, 'loaded weather/1');
  log.warn('this and that');
  log.debug('not this');
  log.error({ err: new Error('the reason') }, 'a batch \u001b[31mfailed');
  const [loaded, warned, failed, stack] = seen(written());
  assert.match(loaded ?? '', /^\d\d:\d\d:\d\d {2}loaded weather\/1 {2}provider=cpu mixing=classes$/);
  assert.match(warned ?? '', /^\d\d:\d\d:\d\d {2}warning: this and that {2}model=weather version=1$/);
  assert.match(failed ?? '', /error: a batch \\u\{1b\}\[31mfailed/);
  assert.equal(stack, 'Error: the reason');
});

test('the bar stands below the lines, and is gone at the end', () => {
  const { stream, written } = terminal();
  const out = new TerminalLog(stream);
  const log = pino({}, out);
  const progress = { done: 1, of: 4, loading: ['b', 'c', 'd'] };
  const end = out.follow(() => progress);
  log.info('loaded a/1');
  assert.equal(seen(written()).at(-1), '[######..................] 1 of 4 models  b, c, d');
  end();
  assert.equal(seen(written()).at(-1), '');
  log.info('ready');
  assert.equal(seen(written()).at(-1), '');
});

test('the bar is never wider than the terminal', () => {
  const loading = Array.from({ length: 50 }, (_, i) => `model-${i}`);
  assert.ok(progressText({ done: 0, of: 50, loading }, 60).length < 60);
});
