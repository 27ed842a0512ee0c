// Pixels to the row of a graph that takes a picture, and back to be shown.
import type { ImageMedia, TensorInput } from '../model.ts';
import { brief, dimsOf, flat, nest, type RowShape, sizeFor } from './shape.ts';

export interface Size {
  readonly height: number;
  readonly width: number;
}
/** Red, green, blue and opacity of each pixel, 0 to 255, as a canvas holds them. */
export interface Pixels extends Size {
  readonly data: ArrayLike<number>;
}

/** Where the graph leaves a size open that is not that of time. */
const MOST_SIDE = 512;
/** What each colour gives of grey: ITU-R BT.601. */
const GREY = [0.299, 0.587, 0.114];

/** The size that a picture is scaled to: the graph's; what that leaves open keeps the picture's proportions. */
export function pictureSize(input: TensorInput, { layout }: ImageMedia, { dims }: RowShape, own: Size): Size {
  const [y, x] = ['H', 'W'].map(axis => layout.indexOf(axis));
  const [height, width] = [dims[y], dims[x]];
  const fits = (axis: number, wanted: number) => sizeFor(input, axis, wanted, MOST_SIDE);
  if (height !== null) return { height, width: width ?? fits(x, (height * own.width) / own.height) };
  if (width !== null) return { height: fits(y, (width * own.height) / own.width), width };
  const share = Math.min(1, MOST_SIDE / Math.max(own.height, own.width));
  return { height: fits(y, share * own.height), width: fits(x, share * own.width) };
}

export function channelsOf({ layout }: ImageMedia, dims: readonly (number | null)[]): number {
  return layout === 'HW' ? 1 : (dims[layout.indexOf('C')] ?? 3);
}

/** A value is (0 to 255 × scale − mean) / std of its channel. */
export function pictureRow(media: ImageMedia, { dims, whole }: RowShape, { data, height, width }: Pixels): unknown {
  const { layout, scale, mean, std } = media;
  const channels = channelsOf(media, dims);
  const last = layout !== 'CHW';
  const values = new Array<number>(channels * height * width);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let c = 0; c < channels; c++) {
      const value = (brightness(data, 4 * pixel, channels, c) * scale - (mean?.[c] ?? 0)) / (std?.[c] ?? 1);
      values[last ? pixel * channels + c : c * height * width + pixel] = whole ? Math.round(value) : brief(value);
    }
  }
  return nest(values, layout === 'CHW' ? [channels, height, width] : [height, width, channels].slice(0, layout.length));
}

function brightness(data: ArrayLike<number>, at: number, channels: number, c: number): number {
  if (channels > 1) return data[at + c];
  return GREY[0] * data[at] + GREY[1] * data[at + 1] + GREY[2] * data[at + 2];
}

/** The picture that a row holds; values beyond black and white are drawn as those. */
export function pixelsOf(media: ImageMedia, row: unknown): Pixels & { readonly data: Uint8ClampedArray<ArrayBuffer> } {
  const { layout, scale, mean, std } = media;
  const dims = dimsOf(row);
  const values = flat(row);
  const [height, width] = ['H', 'W'].map(axis => dims[layout.indexOf(axis)] ?? 0);
  const channels = channelsOf(media, dims);
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let colour = 0; colour < 3; colour++) {
      const c = Math.min(colour, channels - 1);
      const value = values[layout === 'CHW' ? c * height * width + pixel : pixel * channels + c];
      data[4 * pixel + colour] = (value * (std?.[c] ?? 1) + (mean?.[c] ?? 0)) / scale;
    }
  }
  return { data, height, width };
}

/** What the parts of a row of numbers come to at each pixel, all channels together. */
export function pixelSums({ layout }: ImageMedia, row: unknown): Size & { readonly sums: readonly number[] } {
  const dims = dimsOf(row);
  const [height, width] = ['H', 'W'].map(axis => dims[layout.indexOf(axis)] ?? 0);
  const sums = new Array<number>(height * width).fill(0);
  const channels = layout === 'HW' ? 1 : dims[layout.indexOf('C')];
  flat(row).forEach((value, i) => {
    sums[layout === 'CHW' ? i % (height * width) : Math.floor(i / channels)] += value;
  });
  return { height, width, sums };
}
