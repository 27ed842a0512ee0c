// What the manifest says of values, held against tensors that callers send as they are. Padding may hold anything.
import { ServiceError } from '../core/errors.ts';
import { fromFloat16 } from '../core/float16.ts';
import type { TensorData, Tensors } from '../core/tensor.ts';
import type { Feature, ManifestInput } from '../model/manifest.ts';
import { rowTimeAxis, type Signature, type SignatureInput } from '../model/signature.ts';
import { type Accepted, acceptedBy } from './accepted.ts';
import { quote } from './faults.ts';
import { plainValues } from './nested.ts';
import { placeIn } from './number-range.ts';
import type { Part } from './rows.ts';
import type { Sequence } from './sequence.ts';

/**
 * Whether every value is within its bounds, padding included: then there is nothing to look for row by row. Features lie
 * innermost in every layout.
 */
export function withinBounds({ inputs }: Signature, tensors: Tensors): boolean {
  return inputs.every(({ spec, tensor: { name, dtype } }) => {
    if (spec.kind === 'side') return spec.values === undefined;
    if (spec.kind === 'tensor' || spec.kind === 'token') return spec.values === undefined;
    if (dtype === 'float16') return false;
    const bounds =
      spec.kind === 'index'
        ? [{ least: 0, most: spec.size - 1, whole: true, open: false }]
        : spec.features.map(boundsOf);
    if (bounds.every(({ open }) => open)) return true;
    const data = tensors[name].data as Float32Array; // ids of 64 bits compare with numbers too
    for (let i = 0, f = 0; i < data.length; i++) {
      const { least, most, whole } = bounds[f];
      const value = data[i];
      if (!(value >= least && value <= most) || (whole && !isWhole(value))) return false;
      f = f + 1 === bounds.length ? 0 : f + 1;
    }
    return true;
  });
}

/** What is wrong with a value, if anything. */
type Check = (value: number) => string | undefined;

/** @throws {ServiceError} INVALID_REQUEST with the input, the row, the step and the feature. */
export function checkRanges(signature: Signature, sequences: readonly Sequence[]): void {
  for (const input of signature.inputs) {
    const { spec, feed, tensor } = input;
    if (spec.kind === 'side') {
      // One value for all rows.
      const value = plain(input, sequences[0].parts[feed]?.data ?? [])[0];
      const given = tensor.dtype === 'bool' ? Boolean(value) : typeof value === 'bigint' ? Number(value) : value;
      if (spec.values && !spec.values.includes(given)) {
        const expected = JSON.stringify(spec.values).slice(1, -1).slice(0, 500);
        refuse(`input ${quote(tensor.name)} is ${JSON.stringify(given)}, expected one of ${expected}`);
      }
      continue;
    }
    const accepted = acceptedBy(spec, tensor.dtype);
    if (accepted)
      for (const [row, { parts }] of sequences.entries()) checkListed(signature, input, parts, accepted, row);
    const checks = checksOf(spec);
    if (checks.every(check => check === undefined)) continue;
    sequences.forEach(({ parts }, row) => {
      checkRow(signature, input, parts, checks, row);
    });
  }
}

function checkRow(
  signature: Signature,
  input: SignatureInput,
  parts: readonly (Part | undefined)[],
  checks: readonly (Check | undefined)[],
  row: number,
): void {
  const { feed, tensor } = input;
  const part = parts[feed];
  if (!part) return;
  const valid = validSteps(signature, feed, parts);
  const values = plain(input, part.data);
  const width = checks.length;
  for (let step = 0; step < part.length; step++) {
    if (!valid(step)) continue;
    for (let f = 0; f < width; f++) {
      const value = Number(values[step * width + f]);
      const fault = checks[f]?.(value);
      if (fault === undefined) continue;
      const place = width > 1 ? `[${row}, ${step}, ${f}]` : `[${row}, ${step}]`;
      refuse(`input ${quote(tensor.name)} value ${place} is ${value}, expected ${fault}`);
    }
  }
}

/** Values of any layout against those that the manifest lists. */
function checkListed(
  signature: Signature,
  { feed, tensor, axes }: SignatureInput,
  parts: readonly (Part | undefined)[],
  accepted: Accepted,
  row: number,
): void {
  const part = parts[feed];
  if (!part) return;
  const time = rowTimeAxis(axes);
  const valid = validSteps(signature, feed, parts);
  for (let i = 0; i < part.data.length; i++) {
    if (accepted.has(part.data[i])) continue;
    const place = placeIn(part.dims, i);
    if (!valid(time === null ? 0 : place[time])) continue;
    const value = JSON.stringify(plainValues(tensor.dtype, part.data)[i], (_, v) =>
      typeof v === 'bigint' ? Number(v) : v,
    );
    refuse(`input ${quote(tensor.name)} value [${[row, ...place].join(', ')}] is ${value}, expected ${accepted.words}`);
  }
}

/** A check for each feature; nothing where any number will do. */
function checksOf(spec: Exclude<ManifestInput, { kind: 'side' }>): (Check | undefined)[] {
  if (spec.kind === 'numeric') return spec.features.map(featureCheck);
  if (spec.kind !== 'index') return [];
  const { size } = spec;
  return [id => (id >= 0 && id < size && Number.isInteger(id) ? undefined : `a whole number from 0 to ${size - 1}`)];
}

/** The values that a feature accepts; a caller writes 0.1 as the nearest float32, which may lie beyond 0.1. */
function boundsOf({ categories, minimum = -Infinity, maximum = Infinity, integer = false }: Feature) {
  const least = categories ? 0 : Math.min(minimum, Math.fround(minimum));
  const most = categories ? categories.length - 1 : Math.max(maximum, Math.fround(maximum));
  const whole = integer || categories !== undefined;
  return { least, most, whole, open: least === -Infinity && most === Infinity && !whole };
}

function featureCheck(feature: Feature): Check | undefined {
  const { name, categories, minimum, maximum } = feature;
  const bounds = boundsOf(feature);
  if (bounds.open) return undefined;
  const { whole } = bounds;
  const least = categories ? 0 : (minimum ?? -Infinity);
  const most = categories ? categories.length - 1 : (maximum ?? Infinity);
  return value => {
    if (feature.missing && Number.isNaN(value)) return undefined;
    const inside = value >= bounds.least && value <= bounds.most;
    if (inside && (!whole || Number.isInteger(value))) return undefined;
    const number = whole ? 'a whole number' : 'a number';
    if (least === -Infinity && most === Infinity) return `${number} (${name})`;
    if (most === Infinity) return `${number} of at least ${least} (${name})`;
    return least === -Infinity
      ? `${number} of at most ${most} (${name})`
      : `${number} from ${least} to ${most} (${name})`;
  };
}

/** Which steps of a row are none of its padding. */
function validSteps(
  { feeds }: Signature,
  feed: number,
  parts: readonly (Part | undefined)[],
): (step: number) => boolean {
  const teller = feeds.findIndex(({ role, of }) => of === feed && (role === 'lengths' || role === 'mask'));
  const told = teller < 0 ? undefined : parts[teller]?.data;
  if (!told) return () => true;
  if (feeds[teller].role === 'mask') return step => Number(told[step]) !== 0;
  return step => step < Number(told[0]);
}

/** Numbers as JavaScript has them. */
function plain({ tensor }: SignatureInput, data: TensorData): ArrayLike<number | bigint | string> {
  return tensor.dtype === 'float16' ? Array.from(data as Uint16Array, fromFloat16) : data;
}

function refuse(text: string): never {
  throw new ServiceError('INVALID_REQUEST', text);
}

/** Of 64 bits every one is. */
function isWhole(value: number | bigint): boolean {
  return typeof value === 'bigint' || Number.isInteger(value);
}
