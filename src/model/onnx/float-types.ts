// Every floating-point type that a weight may have: how many bytes a value takes, and whether its bits are a number.
import type { TensorProto } from './proto.ts';

interface FloatType {
  readonly bytes: 1 | 2 | 4 | 8;
  /** What bits stand for if they are no finite number. */
  readonly odd: (bits: number) => number | undefined;
}

/** A type whose largest exponent means infinity, or NaN where the mantissa is not zero. */
const ieee = (bytes: 1 | 2, exponent: number, sign: number): FloatType => ({
  bytes,
  odd: bits => {
    if ((bits & exponent) !== exponent) return undefined;
    if ((bits & ~(exponent | sign)) !== 0) return Number.NaN;
    return (bits & sign) === 0 ? Infinity : -Infinity;
  },
});
/** A type of 8 bits without infinities. */
const withoutInfinity = (none: (bits: number) => boolean): FloatType => ({
  bytes: 1,
  odd: bits => (none(bits) ? Number.NaN : undefined),
});

/** By onnx.proto's number of the type. 4-bit floats (23) have neither NaN nor infinity. */
const TYPES: Readonly<Record<number, FloatType>> = {
  1: { bytes: 4, odd: value => (Number.isFinite(value) ? undefined : value) },
  10: ieee(2, 0x7c00, 0x8000),
  11: { bytes: 8, odd: value => (Number.isFinite(value) ? undefined : value) },
  16: ieee(2, 0x7f80, 0x8000),
  17: withoutInfinity(bits => (bits & 0x7f) === 0x7f), // E4M3FN
  18: withoutInfinity(bits => bits === 0x80), // E4M3FNUZ
  19: ieee(1, 0x7c, 0x80), // E5M2
  20: withoutInfinity(bits => bits === 0x80), // E5M2FNUZ
  24: withoutInfinity(bits => bits === 0xff), // E8M0, of scales
};
const COMPLEX: Readonly<Record<number, number>> = { 14: 1, 15: 11 };

export function isFloatType(dataType: number): boolean {
  return TYPES[COMPLEX[dataType] ?? dataType] !== undefined;
}

/** The values of a tensor, whichever field of the protobuf holds them; `raw` are those of its bytes. */
export type FloatValues = Pick<TensorProto, 'dataType' | 'floatData' | 'doubleData' | 'int32Data'>;

/** NaN if there is one, else an infinity if there is one. */
export function worstOf(
  { dataType, floatData, doubleData, int32Data }: FloatValues,
  raw: Uint8Array,
): number | undefined {
  const type = TYPES[COMPLEX[dataType] ?? dataType];
  if (!type) return undefined;
  const inRaw = worstAmong(wordsOf(raw, type.bytes), type);
  const inFields = type.bytes === 4 ? floatData : type.bytes === 8 ? doubleData : int32Data;
  return worse(worstAmong(inFields, type), inRaw);
}

/** Of two findings the one that says more. */
export function worse(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || Number.isNaN(other) ? other : one;
}

function worstAmong(values: ArrayLike<number>, { odd }: FloatType): number | undefined {
  let worst: number | undefined;
  for (let i = 0; i < values.length; i++) {
    const found = odd(values[i]);
    if (found === undefined) continue;
    if (Number.isNaN(found)) return found;
    worst ??= found;
  }
  return worst;
}

/**
 * The bytes as a typed array; an incomplete last value is left out. A protobuf's bytes begin anywhere, and are copied where
 * a typed array may not begin. Where a tensor has no raw bytes, protobufjs gives an empty plain array.
 */
function wordsOf(raw: Uint8Array, bytes: FloatType['bytes']): ArrayLike<number> {
  if (raw.length < bytes) return [];
  if (bytes === 1) return raw;
  const { buffer, byteOffset } = raw.byteOffset % bytes === 0 ? raw : Uint8Array.from(raw);
  const length = Math.floor(raw.length / bytes);
  if (bytes === 2) return new Uint16Array(buffer, byteOffset, length);
  return bytes === 4 ? new Float32Array(buffer, byteOffset, length) : new Float64Array(buffer, byteOffset, length);
}
