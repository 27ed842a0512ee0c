// Colours by number: hues far apart for labels, a scale through white for attributions.

/** Degrees; neighbours differ by the golden angle, so that any few labels are far apart. */
export function hueOf(index: number): string {
  return String(Math.round((215 + index * 137.5) % 360));
}

/** How strongly a value is coloured, -1 to 1, for a scale that ends at `largest`. */
export function strengthOf(value: number, largest: number): number {
  return largest === 0 ? 0 : Math.max(-1, Math.min(1, value / largest));
}
