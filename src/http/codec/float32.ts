// Float32 values as JSON: the fewest digits that read back as the same float32, a third fewer bytes than a double's.

/** The shortest decimal of a finite float32. `value` may be any double; it is rounded to float32 first. */
export function float32Text(value: number): string {
  const target = Math.fround(value);
  const size = Math.abs(target);
  // Six significant digits first, then up to nine, which always suffice. In the range that JavaScript prints without an
  // exponent this is integer arithmetic, which prints faster than a double; the rest is rare.
  if (size >= 1e-6 && size < 1e6) {
    let decimals = 5;
    for (let bound = 10; size >= bound; bound *= 10) decimals--;
    for (let bound = 1; size < bound; bound /= 10) decimals++;
    for (const last = decimals + 3; decimals <= last; decimals++) {
      const scale = POWERS[decimals];
      const scaled = Math.round(size * scale);
      if (Math.fround(scaled / scale) !== size) continue;
      if (scaled % 10 === 0) break; // fewer digits suffice: the double's own shortest form has no trailing zeros
      const digits = decimalText(scaled, decimals);
      return target < 0 ? `-${digits}` : digits;
    }
  }
  for (let digits = 1; digits < 9; digits++) {
    const rounded = Number(target.toPrecision(digits));
    if (Math.fround(rounded) === target) return `${rounded}`;
  }
  return `${Number(target.toPrecision(9))}`;
}

const POWERS = Array.from({ length: 16 }, (_, power) => 10 ** power);

/** `scaled` / 10^decimals for a positive whole number. */
function decimalText(scaled: number, decimals: number): string {
  const digits = `${scaled}`;
  if (decimals === 0) return digits;
  const whole = digits.length - decimals;
  return whole > 0 ? `${digits.slice(0, whole)}.${digits.slice(whole)}` : `0.${'0'.repeat(-whole)}${digits}`;
}
