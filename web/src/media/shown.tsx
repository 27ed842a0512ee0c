// A picture's size on the page, and the outline of a recording.
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Size } from './picture.ts';
import { outlineOf } from './sound.ts';

/** However few pixels it has, it is shown large. */
export function shownWidth({ height, width }: Size): string {
  return `min(100%, ${((14 * width) / Math.max(1, height)).toFixed(2)}rem)`;
}

/** The width of an outline, in its own units. */
export const STRETCHES = 480;

export function Wave({ row, label, children }: { row: unknown; label: string; children?: ComponentChildren }) {
  const outline = useMemo(() => outlineOf(row, STRETCHES), [row]);
  const step = STRETCHES / Math.max(1, outline.length);
  const path = outline.map(([low, high], i) => `${i === 0 ? 'M' : 'L'}${(i + 0.5) * step} ${-high}V${-low}`).join('');
  return (
    <svg class="sound" viewBox={`0 -1.05 ${STRETCHES} 2.1`} preserveAspectRatio="none" role="img" aria-label={label}>
      {children}
      <path d={path} />
    </svg>
  );
}
