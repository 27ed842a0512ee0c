// Documents that promise to be complete are: every setting, every error code, every mistake in the settings, every alert.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { parse } from 'yaml';
import { STATUS } from '../../src/http/errors.ts';
import { SETTINGS } from '../../src/settings.ts';
import { ROOT } from '../support/server/service.ts';

const read = (file: string) => readFileSync(`${ROOT}${file}`, 'utf8');

it('every setting has its row', () => {
  const text = read('docs/settings.md');
  for (const { env } of Object.values(SETTINGS)) assert.ok(text.includes(`| \`${env}\` |`), env);
});

it('every error code has its row', () => {
  const text = read('docs/errors.md');
  for (const code of Object.keys(STATUS)) if (code !== 'CALLER_GONE') assert.ok(text.includes(`| \`${code}\` |`), code);
});

it('every mistake that settings make together is told of', () => {
  const text = read('docs/troubleshooting.md');
  const mistakes = [
    ...read('src/config.ts').matchAll(/['`](POLYHEAD_[A-Z_=a-z]+ (?:contradicts|is greater|is less|beyond)[^'`:]*)/g),
  ];
  assert.ok(mistakes.length > 4);
  for (const [, mistake] of mistakes) assert.ok(text.includes(mistake.trim().split(': ')[0]), mistake);
});

it('every alert has its row', () => {
  const text = read('docs/operations.md');
  const { groups } = parse(read('deploy/prometheus/rules.yml'));
  for (const { alert } of groups[0].rules) assert.ok(text.includes(`| ${alert} |`), alert);
});

it('every document is in the index', () => {
  const text = read('docs/README.md');
  for (const file of readdirSync(`${ROOT}docs`))
    if (file.endsWith('.md') && file !== 'README.md') assert.ok(text.includes(`(${file})`), file);
});
