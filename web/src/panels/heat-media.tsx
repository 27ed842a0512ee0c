// What each pixel of a picture, or each stretch of a recording, did to an answer, laid over it.
import { useEffect, useRef } from 'preact/hooks';
import { strengthOf } from '../colour.ts';
import { short } from '../format.ts';
import { pixelSums, pixelsOf } from '../media/picture.ts';
import { STRETCHES, shownWidth, Wave } from '../media/shown.tsx';
import type { ImageMedia } from '../model.ts';
import { colourOf, useTheme } from '../theme.tsx';

interface PictureProps {
  media: ImageMedia;
  row: unknown;
  grid: unknown;
  largest: number;
}
/** How much of the picture is left to see, of 255. */
const FAINT = 90;

export function HeatPicture({ media, row, grid, largest }: PictureProps) {
  const host = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const { height, width, sums } = pixelSums(media, grid);
  useEffect(() => {
    const canvas = host.current;
    const context = canvas?.getContext('2d');
    if (!canvas || !context || height * width === 0) return;
    const { data, ...size } = pixelsOf(media, row);
    for (let at = 3; at < data.length; at += 4) data[at] = FAINT;
    if (size.height === height && size.width === width) context.putImageData(new ImageData(data, width, height), 0, 0);
    const [minus, plus] = ['--minus', '--plus'].map(name => colourOf(canvas.parentElement ?? canvas, name));
    sums.forEach((sum, i) => {
      const strength = strengthOf(sum, largest);
      context.globalAlpha = Math.abs(strength);
      context.fillStyle = strength < 0 ? minus : plus;
      context.fillRect(i % width, Math.floor(i / width), 1, 1);
    });
  }, [media, row, grid, largest, theme]);
  const label = `How much each of ${width} by ${height} pixels moved the answer`;
  const style = { width: shownWidth({ height, width }) };
  return (
    <canvas class="picture" ref={host} width={width} height={height} style={style} role="img" aria-label={label} />
  );
}

/** @param sums what each of some stretches of equal length did. */
export function HeatSound({ row, sums, largest }: { row: unknown; sums: readonly number[]; largest: number }) {
  const label = `How much each of ${sums.length} stretches of the sound moved the answer`;
  const stretch = STRETCHES / sums.length;
  return (
    <Wave row={row} label={label}>
      {sums.map((sum, i) => (
        <rect
          x={i * stretch}
          y={-1.05}
          width={stretch}
          height={2.1}
          style={{ '--strength': strengthOf(sum, largest) }}
          data-sign={sum < 0 ? 'minus' : 'plus'}
        >
          <title>{short(sum, 2)}</title>
        </rect>
      ))}
    </Wave>
  );
}
