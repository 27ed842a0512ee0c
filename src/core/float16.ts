// IEEE 754 half precision as raw bits, which is how tensors hold it: Node has no array type for it before version 24.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The largest finite half-precision value. */
export const FLOAT16_MAX = 65504;

/** The bits of the nearest half-precision value, ties to even; beyond its range, infinity. */
export function toFloat16(value: number): number {
  float[0] = value;
  const excess = Math.abs(float[0]) - Math.abs(value);
  if (excess !== 0 && Number.isFinite(value)) {
    if (excess > 0) bits[0]--;
    bits[0] |= 1; // what float32 cannot hold still tells a tie from more than a tie
  }
  const sign = (bits[0] >>> 16) & 0x8000;
  const exponent = (bits[0] >>> 23) & 0xff;
  const fraction = bits[0] & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  const shifted = exponent - 112; // the exponent, biased for half precision
  if (shifted >= 31) return sign | 0x7c00;
  if (shifted <= -11) return sign;
  const [significand, drop] = shifted <= 0 ? [fraction | 0x800000, 14 - shifted] : [fraction, 13];
  const kept = (shifted <= 0 ? 0 : shifted << 10) + (significand >>> drop);
  const rest = significand & ((1 << drop) - 1);
  const half = 1 << (drop - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0)); // a carry runs into the exponent
}

export function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
