// A file to a row, by the browser's own decoders.
import { askJson } from '../api.ts';
import type { AudioMedia, ImageMedia, Model, TensorInput } from '../model.ts';
import { pictureRow, pictureSize } from './picture.ts';
import type { RowShape } from './shape.ts';
import { mono, soundDims, soundRow } from './sound.ts';

export interface Read {
  readonly row: unknown;
  /** What was done to the file. */
  readonly note: string;
}
export type MediaInput = TensorInput & { readonly media: ImageMedia | AudioMedia };

/** @throws {Error} a sentence for the person at the page. */
export async function readFile(model: Model, input: MediaInput, file: File): Promise<Read> {
  const { media } = input;
  return media.type === 'image' ? readPicture(model, input, media, file) : readSound(model, input, media, file);
}

async function readPicture(model: Model, input: TensorInput, media: ImageMedia, file: File): Promise<Read> {
  const [shape, bitmap] = await Promise.all([
    rowShapeOf(model, input),
    createImageBitmap(file).catch(() => fail('this browser reads no picture in this file')),
  ]);
  const { height, width } = pictureSize(input, media, shape, bitmap);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) fail('this browser draws no pictures');
  context.fillStyle = '#fff'; // behind what is transparent
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const sizes = (w: number, h: number) => `${w} × ${h}`;
  const same = width === bitmap.width && height === bitmap.height;
  const note = same ? sizes(width, height) : `${sizes(bitmap.width, bitmap.height)} scaled to ${sizes(width, height)}`;
  bitmap.close();
  return { row: pictureRow(media, shape, { data, height, width }), note };
}

async function readSound(model: Model, input: TensorInput, media: AudioMedia, file: File): Promise<Read> {
  const context = new OfflineAudioContext(1, 1, media.rate); // decodes to its own rate
  const [shape, sound] = await Promise.all([
    rowShapeOf(model, input),
    file
      .arrayBuffer()
      .then(bytes => context.decodeAudioData(bytes))
      .catch(() => fail('this browser reads no sound in this file')),
  ]);
  const samples = mono(Array.from({ length: sound.numberOfChannels }, (_, c) => sound.getChannelData(c)));
  const dims = soundDims(input, shape, samples.length);
  const count = dims.reduce((product, size) => product * size, 1);
  const seconds = (n: number) => `${Number((n / media.rate).toPrecision(3))} s`;
  const note =
    count < samples.length
      ? `the first ${seconds(count)} of ${seconds(samples.length)}`
      : count > samples.length
        ? `${seconds(samples.length)}, and silence up to ${seconds(count)}`
        : seconds(count);
  return { row: soundRow(media, shape.whole, dims, samples), note };
}

interface Metadata {
  readonly inputs: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }[];
}

/** As the graph declares it. */
async function rowShapeOf({ name, version }: Model, { tensor, batchAxis }: TensorInput): Promise<RowShape> {
  const path = `/v2/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}`;
  const { inputs } = await askJson<Metadata>('GET', path);
  const found = inputs.find(input => input.name === tensor);
  if (!found) throw new Error(`the graph has no input ${tensor}`);
  const row = batchAxis === null ? found.shape : found.shape.toSpliced(batchAxis, 1);
  return { dims: row.map(size => (size < 0 ? null : size)), whole: /INT/.test(found.datatype) };
}

function fail(sentence: string): never {
  throw new Error(sentence);
}
