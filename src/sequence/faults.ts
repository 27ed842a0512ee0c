// How a fault in a caller's sequence is told: its place in words and as a JSON Pointer, and what was expected.
import { ServiceError } from '../core/errors.ts';

export type Path = readonly (string | number)[];

/** The largest finite float32; anything greater would become infinity. */
export const FLOAT32_MAX = 3.4028234663852886e38;

/** Where the runtime ends a string, whatever follows. */
export const NUL = '\0';

export function describe(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return value === undefined ? 'missing' : String(value);
}

export function quote(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}

/** @throws {ServiceError} INVALID_SEQUENCE, always. */
export function fail(path: Path, what: string): never {
  const place = path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('');
  const pointer = path.map(part => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const detail = `${place} ${what}`;
  throw new ServiceError('INVALID_SEQUENCE', detail, { faults: [{ pointer, detail }] });
}
