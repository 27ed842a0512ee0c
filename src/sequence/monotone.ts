// A monotone map by its corners: linear between them, flat beyond.

export interface MonotoneMap {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export function mapped({ x, y }: MonotoneMap, value: number): number {
  if (!(value > x[0])) return y[0];
  let [below, above] = [0, x.length]; // x[below] < value, and value <= x[above] where there is one
  while (above - below > 1) {
    const middle = (below + above) >> 1;
    if (value <= x[middle]) above = middle;
    else below = middle;
  }
  if (above === x.length) return y[below];
  return y[below] + ((y[above] - y[below]) * (value - x[below])) / (x[above] - x[below]);
}
