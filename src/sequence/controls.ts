// Control inputs: a call's place in its sequence, as rows of the graph inputs that ask for it.
import { ServiceError } from '../core/errors.ts';
import { type DType, elementCount, type TensorData, zeroData } from '../core/tensor.ts';
import type { Signature, SignatureControl } from '../model/signature.ts';
import type { Part } from './rows.ts';

/** Which sequence a call belongs to: a text, and a number if it has one. */
export interface SequenceId {
  readonly text: string;
  readonly number?: number;
}

/** Of a sequence whose calls nobody names. */
export const UNNAMED: SequenceId = { text: '', number: 0 };

/** A call's place in its sequence. */
export interface Place {
  readonly start: boolean;
  readonly end: boolean;
  readonly id: SequenceId;
}

interface Parts {
  readonly parts: readonly (Part | undefined)[];
}

/** Ids are whole numbers that a double holds. */
const MOST: Partial<Record<DType, number>> = { int32: 2 ** 31 - 1, uint32: 2 ** 32 - 1, float32: 2 ** 24 };

/** A request by itself. */
export const WHOLE: Place = { start: true, end: true, id: UNNAMED };

/** The sequence with its place told to the graph. @throws {ServiceError} INVALID_REQUEST if its id does not fit. */
export function placed<S extends Parts>({ controls }: Signature, sequence: S, place: Place): S {
  if (controls.length === 0) return sequence;
  const parts: (Part | undefined)[] = [...sequence.parts];
  for (const control of controls) {
    const { feed, dims, tensor } = control;
    parts[feed] = { dims, length: 1, data: filled(tensor.dtype, elementCount(dims), numberFor(control, place)) };
  }
  return { ...sequence, parts };
}

function numberFor({ spec, tensor }: SignatureControl, { start, end, id }: Place): number | string {
  if (spec.kind === 'id') return idOf(tensor.name, tensor.dtype, id);
  return spec.values[Number(spec.kind === 'ready' || (spec.kind === 'start' ? start : end))];
}

function idOf(name: string, dtype: DType, { text, number }: SequenceId): number | string {
  if (dtype === 'string') return text;
  const most = MOST[dtype] ?? Number.MAX_SAFE_INTEGER;
  if (number !== undefined && number <= most) return number;
  throw new ServiceError(
    'INVALID_REQUEST',
    `input "${name}" takes ids of type ${dtype}: sequence_id must be a whole number of at most ${most}`,
  );
}

function filled(dtype: DType, count: number, value: number | string): TensorData {
  const data = zeroData(dtype, count);
  const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
  for (let i = 0; i < count; i++) data[i] = (big ? BigInt(value) : value) as never;
  return data;
}
