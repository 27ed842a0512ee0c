// Pictures and sound as rows of numbers: every layout, by the formula that the manifest states.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pictureRow, pictureSize, pixelSums, pixelsOf } from '../../web/src/media/picture.ts';
import { flat, type RowShape, sizeFor } from '../../web/src/media/shape.ts';
import { mono, outlineOf, soundDims, soundRow } from '../../web/src/media/sound.ts';
import type { ImageMedia, Model, TensorInput } from '../../web/src/model.ts';
import { cutTo, lengthOf } from '../../web/src/sequence/draft.ts';

const STILL: TensorInput = {
  name: 'x',
  kind: 'tensor',
  tensor: 'x',
  batchAxis: 0,
  timeAxis: null,
  time: { minimum: 1, maximum: 1 },
};
const shape = (...dims: RowShape['dims']): RowShape => ({ dims, whole: false });

describe('a picture', () => {
  const [height, width] = [2, 3];
  const byteAt = (y: number, x: number, c: number) => 40 * y + 10 * x + 3 * c;
  const data = Array.from({ length: height * width * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : byteAt(Math.floor(i / 12), Math.floor(i / 4) % 3, i % 4),
  );
  const pixels = { data, height, width };

  it('is read channels first or last, scaled and normalised', () => {
    const [mean, std] = [
      [0.5, 0.4, 0.3],
      [0.2, 0.25, 0.5],
    ];
    const media: ImageMedia = { type: 'image', layout: 'CHW', scale: 1 / 255, mean, std };
    const first = pictureRow(media, shape(3, 2, 3), pixels) as number[][][];
    const last = pictureRow({ ...media, layout: 'HWC' }, shape(2, 3, 3), pixels) as number[][][];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < 3; c++) {
          const expected = (byteAt(y, x, c) / 255 - mean[c]) / std[c];
          assert.ok(Math.abs(first[c][y][x] - expected) <= 1e-7 * Math.abs(expected));
          assert.equal(last[y][x][c], first[c][y][x]);
        }
      }
    }
    assert.deepEqual([...pixelsOf(media, first).data], data);
    assert.deepEqual([...pixelsOf({ ...media, layout: 'HWC' }, last).data], data);
  });

  it('of one channel is as bright as its colours, whole where the graph takes bytes', () => {
    const media: ImageMedia = { type: 'image', layout: 'HW', scale: 1 };
    const grey = pictureRow(media, { dims: [2, 3], whole: true }, pixels);
    const expected = [0, 1].map(y =>
      [0, 1, 2].map(x => Math.round([0.299, 0.587, 0.114].reduce((sum, part, c) => sum + part * byteAt(y, x, c), 0))),
    );
    assert.deepEqual(grey, expected);
    const one = { ...media, layout: 'HWC' as const };
    assert.deepEqual(flat(pictureRow(one, { dims: [2, 3, 1], whole: true }, pixels)), expected.flat());
  });

  it('takes the size that the graph declares, and keeps its proportions where that is open', () => {
    const time = { minimum: 8, maximum: 100, multipleOf: 8 };
    const line: TensorInput = { ...STILL, timeAxis: 2, time };
    const own = { height: 300, width: 400 };
    const cases: [TensorInput, ImageMedia['layout'], RowShape, number, number][] = [
      [STILL, 'CHW', shape(3, 28, 28), 28, 28],
      [STILL, 'HWC', shape(30, null, 1), 30, 40],
      [STILL, 'HW', shape(null, 40), 30, 40],
      [STILL, 'CHW', shape(3, null, null), 300, 400],
      [line, 'HW', shape(30, null), 30, 40],
      [line, 'HW', shape(32, null), 32, 48],
      [line, 'HW', shape(300, null), 300, 96],
      [line, 'HW', shape(1, null), 1, 8],
    ];
    for (const [input, layout, row, height, width] of cases) {
      const media: ImageMedia = { type: 'image', layout, scale: 1 };
      assert.deepEqual(pictureSize(input, media, row, own), { height, width }, `${layout} ${row.dims}`);
    }
    const large = pictureSize(STILL, { type: 'image', layout: 'HW', scale: 1 }, shape(null, null), {
      height: 3000,
      width: 4000,
    });
    assert.deepEqual(large, { height: 384, width: 512 });
  });

  it('sums what its channels did at each pixel', () => {
    const first = [[[1, 2]], [[10, 20]], [[100, 200]]]; // biome-ignore format: one line
    const media: ImageMedia = { type: 'image', layout: 'CHW', scale: 1 };
    assert.deepEqual(pixelSums(media, first), { height: 1, width: 2, sums: [111, 222] });
    const last = [[[1, 10, 100], [2, 20, 200]]]; // biome-ignore format: one line
    assert.deepEqual(pixelSums({ ...media, layout: 'HWC' }, last).sums, [111, 222]);
  });
});

describe('sound', () => {
  const timed = (least: number, most: number, multipleOf?: number): TensorInput => ({
    ...STILL,
    timeAxis: 1,
    time: { minimum: least, maximum: most, multipleOf },
  });

  it('of several channels is their mean', () => {
    assert.deepEqual([...mono([[1, 0.5, 0], [0, 0.5, -1]])], [0.5, 0.5, -0.5]); // biome-ignore format: one line
  });

  it('is cut into the pieces that the graph takes, within what the manifest allows', () => {
    const cases: [TensorInput, RowShape, number, number[]][] = [
      [timed(1, 100), shape(null), 40, [40]],
      [timed(1, 100), shape(null), 400, [100]],
      [timed(64, 100), shape(null), 40, [64]],
      [timed(1, 100, 32), shape(null), 40, [64]],
      [timed(1, 100, 32), shape(null), 400, [96]],
      [timed(1, 100), shape(null, 16), 40, [3, 16]],
      [{ ...timed(1, 100), timeAxis: 2 }, shape(1, null), 40, [1, 40]],
      [STILL, shape(512), 40, [512]],
    ];
    for (const [input, row, samples, dims] of cases) assert.deepEqual(soundDims(input, row, samples), dims);
    assert.equal(sizeFor(timed(1, 100), 0, 7), 7);
  });

  it('is scaled, and filled up with silence', () => {
    const samples = Float32Array.of(0.5, -1, 0.25);
    const media = { type: 'audio', rate: 8000, scale: 32_768 } as const;
    assert.deepEqual(soundRow(media, false, [2, 2], samples), [[16_384, -32_768], [8192, 0]]); // biome-ignore format: one line
    assert.deepEqual(soundRow({ ...media, scale: 127 }, true, [4], samples), [64, -127, 32, 0]);
    assert.deepEqual(outlineOf([[1, -4], [2, 0]], 2), [[-1, 0.25], [0, 0.5]]); // biome-ignore format: one line
  });
});

it('steps are counted and cut along the axis that holds them', () => {
  const rows = [[[1, 2, 3]], [[4, 5, 6]]]; // biome-ignore format: one line
  const along = (timeAxis: number | null) => ({ inputs: [{ ...STILL, timeAxis }] }) as unknown as Model;
  const lengths = [1, 2, 3, null].map(axis => lengthOf(along(axis), { x: rows }));
  assert.deepEqual(lengths, [2, 1, 3, 1]);
  assert.deepEqual(cutTo(along(3), { x: rows }, 0, 2), { x: [[[1, 2]], [[4, 5]]] }); // biome-ignore format: one line
  assert.deepEqual(cutTo(along(null), { x: rows }, 0, 1), { x: rows });
});
