// Numbers and sizes as people read them.

/** So many significant digits, without an exponent or trailing zeros. */
export function short(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return 'no number';
  const magnitude = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  return String(Number(value.toFixed(Math.min(12, Math.max(0, digits - 1 - magnitude)))));
}

export function percent(probability: number): string {
  if (probability > 0 && probability < 0.001) return '< 0.1 %';
  return `${(100 * probability).toFixed(1)} %`;
}

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${short(value, 3)} ${units[unit]}`;
}

export function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

const SIGNS: Record<string, string> = { degC: '°C', deg: '°', mb: 'hPa' };

/** A unit as it is printed: `degC` is °C. */
export function unitSign(unit: string | undefined): string {
  return unit === undefined ? '' : (SIGNS[unit] ?? unit);
}

/** A name as it is printed: `temp_max` is "temp max". */
export function spoken(name: string): string {
  return name.replaceAll('_', ' ');
}
