// Float32 values as JSON: the fewest digits that read back as the same float32, a third fewer bytes than a double's.

const SCALES = [1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

/** The shortest decimal of a finite float32. `value` may be any double; it is rounded to float32 first. */
export function float32Text(value: number): string {
  const target = Math.fround(value);
  const size = Math.abs(target);
  // Six digits first, then up to nine, which always suffice; sizes beyond the scales take the double's own digits.
  if (size < 1e6 && size >= 1e-4) {
    let i = size >= 10 ? (size >= 1000 ? 0 : 1) : size >= 0.1 ? 2 : size >= 0.01 ? 3 : 4;
    for (; i < SCALES.length; i++) {
      const rounded = Math.round(target * SCALES[i]) / SCALES[i];
      if (Math.fround(rounded) === target) return `${rounded}`;
    }
  }
  for (let digits = 6; digits < 9; digits++) {
    const rounded = Number(target.toPrecision(digits));
    if (Math.fround(rounded) === target) return `${rounded}`;
  }
  return `${Number(target.toPrecision(9))}`;
}
