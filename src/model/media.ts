// Tensors that are pictures or sound: how a file becomes the row's numbers. The server takes numbers only; whoever has a file,
// as the page at /, reads it as the manifest says here.
import { z } from 'zod';
import { positive } from './manifest-fields.ts';
import type { TensorInfo } from './onnx/graph.ts';

const channels = z.array(z.number()).min(1).max(3);

export const media = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('image'),
      layout: z
        .enum(['CHW', 'HWC', 'HW'])
        .default('CHW')
        .describe('The axes of a row: height, width and channels, which are red, green and blue, or grey alone.'),
      scale: z
        .number()
        .positive()
        .default(1 / 255)
        .describe('A value is (0 to 255 x scale - mean) / std.'),
      mean: channels.optional().describe('One a channel; 0 if left out.'),
      std: channels.optional().describe('One a channel; 1 if left out.'),
    }),
    z.strictObject({
      type: z.literal('audio').describe('One channel; a row of pieces takes them one after the other.'),
      rate: positive.min(8000).max(96_000).describe('Samples a second.'),
      scale: z.number().positive().default(1).describe('A value is -1 to 1 x scale.'),
    }),
  ])
  .refine(m => m.type !== 'image' || (m.std ?? []).every(std => std > 0), 'std must be above 0');

export type Media = z.infer<typeof media>;

/** What speaks against reading such files into an input's tensor. */
export function mediaFaults(
  { media: given }: { readonly kind: string; readonly media?: Media },
  { dtype, dims }: TensorInfo,
  batchAxis: number | null,
): string[] {
  if (!given) return [];
  if (dtype === 'string' || dtype === 'bool') return [`media: a tensor of ${dtype} holds no ${given.type}`];
  const row = batchAxis === null ? dims : dims.toSpliced(batchAxis, 1);
  const whole = !dtype.startsWith('float');
  const faults = given.type === 'image' ? imageFaults(given, row, whole) : audioFaults(row);
  return faults.map(fault => `media: ${fault}`);
}

function imageFaults({ layout, scale, mean, std }: Media & { type: 'image' }, row: Dims, whole: boolean): string[] {
  if (row.length !== layout.length) return [`a row of ${row.length} dimensions is no picture of layout ${layout}`];
  const faults: string[] = [];
  const count = layout === 'HW' ? 1 : row[layout.indexOf('C')];
  if (count !== 1 && count !== 3) faults.push(`layout ${layout} has ${count ?? '?'} channels, expected 1 or 3`);
  for (const [name, given] of Object.entries({ mean, std })) {
    if (given && given.length !== count) faults.push(`${name} has ${given.length} numbers, expected ${count ?? '?'}`);
  }
  if (whole && (scale !== 1 || mean || std)) faults.push('whole numbers take scale 1, and no mean or std');
  return faults;
}

/** What a row that has the sizes of a picture would be read as. */
export function likelyPicture({ dtype, dims }: TensorInfo, batchAxis: number | null): object | undefined {
  const row = batchAxis === null ? dims : dims.toSpliced(batchAxis, 1);
  const layout = (['CHW', 'HWC'] as const).find(axes => {
    const sides = ['H', 'W'].map(axis => row[axes.indexOf(axis)]);
    return row.length === 3 && [1, 3].includes(row[axes.indexOf('C')] as number) && sides.every(isSide);
  });
  if (!layout || !(dtype === 'float32' || dtype === 'float16' || dtype === 'uint8')) return undefined;
  return { type: 'image', layout, ...(dtype === 'uint8' ? { scale: 1 } : {}) };
}

const LEAST_SIDE = 8;
const isSide = (size: Dims[number]) => typeof size === 'number' && size >= LEAST_SIDE;

/** Samples follow each other as the row's memory has them: only the first axis that is not 1 may be open. */
function audioFaults(row: Dims): string[] {
  const axes = row.filter(size => size !== 1);
  const pieces = axes.slice(1);
  if (axes.length > 0 && axes.length <= 2 && pieces.every(size => typeof size === 'number')) return [];
  return [
    `a row of shape [${row.map(size => size ?? '?').join(', ')}] is no sound: expected samples, or pieces of them`,
  ];
}

type Dims = TensorInfo['dims'];
