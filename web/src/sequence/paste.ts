// Pasted text to a sequence: JSON in any of the API's spellings, or a table with or without a heading line.
import type { Input, NumericInput } from '../model.ts';
import { type Draft, draftOf, type Table, type Value } from './draft.ts';
import { tokensOf } from './tokens.ts';

/** @throws {Error} a sentence that says what does not fit. */
export function pasted(inputs: readonly Input[], draft: Draft, input: Input, text: string): Draft {
  const trimmed = text.trim();
  if (trimmed === '') throw new Error('there is nothing to read');
  if (/^[[{]/.test(trimmed)) return fromJson(inputs, draft, input, trimmed);
  if (input.kind === 'numeric') return { ...draft, [input.name]: fromTable(input, trimmed) };
  if (input.kind === 'token') return { ...draft, [input.name]: tokensOf(trimmed) };
  throw new Error('expected JSON');
}

function fromJson(inputs: readonly Input[], draft: Draft, input: Input, text: string): Draft {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error('this looks like JSON, but is not');
  }
  const body = json as { sequences?: unknown[] };
  if (Array.isArray(body?.sequences)) return draftOf(inputs, body.sequences[0]);
  const whole = !Array.isArray(json) && inputs.length > 1;
  return whole ? draftOf(inputs, json) : { ...draft, ...draftOf([input], json) };
}

/** Lines of cells apart by tab, semicolon or comma; a first line without numbers names the columns. */
export function fromTable({ features }: NumericInput, text: string): Table {
  const lines = text.split(/\r?\n/).filter(line => line.trim() !== '');
  const separator = ['\t', ';', ','].find(mark => lines[0].includes(mark)) ?? ',';
  const cells = lines.map(line => line.split(separator).map(cell => cell.trim().replace(/^"(.*)"$/, '$1')));
  const known = new Set(features.map(feature => feature.name));
  const headed = cells[0].some(cell => known.has(cell));
  const places = features.map((feature, f) => {
    const place = headed ? cells[0].indexOf(feature.name) : f;
    if (place < 0) throw new Error(`the heading line names no ${feature.name}`);
    return place;
  });
  const rows = headed ? cells.slice(1) : cells;
  if (rows.length === 0) throw new Error('there is no line under the heading');
  return rows.map((row, t) =>
    features.map((feature, f): Value => {
      const cell = row[places[f]];
      if (cell === '' && feature.missing) return null;
      if (cell === undefined || cell === '') throw new Error(`line ${t + 1} has no ${feature.name}`);
      if (feature.categories?.includes(cell)) return cell;
      const number = Number(cell);
      if (!Number.isFinite(number)) throw new Error(`line ${t + 1}: ${feature.name} is "${cell}", expected a number`);
      return feature.categories ? (feature.categories[number] ?? number) : number;
    }),
  );
}
