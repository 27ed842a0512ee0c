// Pictures and recordings as people have them, chosen on the page: what the browser decodes and the graph answers is what the
// closed formula of the file says.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page, Request } from 'playwright-core';
import type { Prediction } from '../../web/src/model.ts';
import { type Colour, pngFile, wavFile } from '../support/client/files.ts';
import { MEAN, mediaModels, STD } from '../support/models/media.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { assertAccessible, launch, skip, visit } from './browser.ts';

if (skip) console.log(`files on the page are not tested: ${skip}`);
const WIDE = { viewport: { width: 1280, height: 900 } };

interface File {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}
const png = (buffer: Buffer): File => ({ name: 'a.png', mimeType: 'image/png', buffer });
const wav = (buffer: Buffer): File => ({ name: 'a.wav', mimeType: 'audio/wav', buffer });

/** Four fields of colour, whose edges lie in the middle. */
const FIELDS: readonly Colour[] = [
  [255, 0, 51],
  [0, 102, 204],
  [153, 255, 0],
  [51, 51, 51],
];
const fields = (width: number, height: number) =>
  pngFile(width, height, (x, y) => FIELDS[(x < width / 2 ? 0 : 1) + (y < height / 2 ? 0 : 2)]);
const fieldMean = (c: number) => FIELDS.reduce((sum, colour) => sum + colour[c], 0) / FIELDS.length;

describe('files on the page', { skip, timeout: 300_000 }, () => {
  let server: ServerProcess;
  let browser: Browser;
  before(async () => {
    server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: mediaModels() } });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  interface Answered {
    readonly row: unknown;
    readonly heads: Prediction['heads'];
    /** What the page says of the file. */
    readonly note: string;
  }

  /** Chooses a file for a model, and returns what the page then sends, what is answered, and what it says of the file. */
  async function answerTo(model: string, file: File, look?: (page: Page) => Promise<void>): Promise<Answered> {
    let answered: Answered | undefined;
    await visit(browser, `${server.origin}/#/${model}/1`, WIDE, async page => {
      await page.locator('.heads').waitFor();
      const isPrediction = (request: Request) => request.url().endsWith('/predict');
      const answer = page.waitForResponse(reply => isPrediction(reply.request()));
      await page.locator('.media input').setInputFiles(file);
      const reply = await answer;
      const { sequences } = reply.request().postDataJSON() as { sequences: unknown[] };
      const { predictions } = (await reply.json()) as { predictions: Prediction[] };
      await page.locator('.explanation').waitFor();
      const note = (await page.locator('.media .hint').textContent()) ?? '';
      answered = { row: sequences[0], heads: predictions[0].heads, note };
      await assertAccessible(page, model);
      await look?.(page);
    });
    return answered as Answered;
  }
  const valueIn = (heads: Prediction['heads'], head: string) => heads[head].value ?? Number.NaN;
  const near = (actual: number, expected: number, within: number, what: string) =>
    assert.ok(Math.abs(actual - expected) <= within, `${what}: ${actual}, expected ${expected} ± ${within}`);

  const normalised = (byte: number, c: number) => (byte / 255 - MEAN[c]) / STD[c];
  const COLOURS = ['red', 'green', 'blue'];

  it('a PNG of the declared size comes to the graph pixel by pixel', async () => {
    const { row, heads, note } = await answerTo('photo', png(fields(64, 48)), async page => {
      await page.getByRole('img', { name: 'The picture that the model gets, 64 by 48 pixels' }).waitFor();
      const canvas = `document.querySelector('.media canvas').getContext('2d')`;
      const corner = (await page.evaluate(`[...${canvas}.getImageData(0, 0, 1, 1).data]`)) as unknown;
      assert.deepEqual(corner, [...FIELDS[0], 255]);
      await page.getByRole('img', { name: 'How much each of 64 by 48 pixels moved the answer' }).waitFor();
    });
    const pixels = row as number[][][];
    for (const [c, name] of COLOURS.entries()) {
      for (const [y, x, field] of [[0, 0, 0], [0, 63, 1], [23, 32, 1], [24, 31, 2], [47, 63, 3]]) // biome-ignore format: one line
        near(pixels[c][y][x], normalised(FIELDS[field][c], c), 1e-6, `${name} at ${x}, ${y}`);
      near(valueIn(heads, name), normalised(fieldMean(c), c), 1e-5, name);
    }
    assert.equal(note, 'a.png: 64 × 48');
  });

  it('a larger PNG and a JPEG are scaled to it, as bytes with channels last', async () => {
    const { row, heads, note } = await answerTo('bytes', png(fields(640, 480)));
    const pixels = row as number[][][];
    assert.deepEqual([pixels.length, pixels[0].length], [48, 64]);
    assert.deepEqual([pixels[5][5], pixels[5][60], pixels[40][5], pixels[40][60]], FIELDS);
    for (const [c, name] of COLOURS.entries()) near(valueIn(heads, name), fieldMean(c), 1, name);
    assert.equal(note, 'a.png: 640 × 480 scaled to 64 × 48');

    const colour = [200, 100, 50];
    const drawn = await browser.newPage();
    const base64 = String(
      await drawn.evaluate(`(() => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 320 });
        const context = canvas.getContext('2d');
        context.fillStyle = 'rgb(${colour})';
        context.fillRect(0, 0, 320, 320);
        return canvas.toDataURL('image/jpeg', 1).split(',')[1];
      })()`),
    );
    await drawn.close();
    const jpeg = { name: 'a.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(base64, 'base64') };
    const { heads: evenly } = await answerTo('bytes', jpeg);
    for (const [c, name] of COLOURS.entries()) near(valueIn(evenly, name), colour[c], 2, name);
  });

  it('a line of writing has as many steps as it is wide', async () => {
    const stripes = pngFile(90, 36, x => (Math.floor(x / 9) % 2 === 0 ? [255, 255, 255] : [0, 0, 0]));
    const { heads, note } = await answerTo('line', png(stripes));
    const steps = heads.ink.steps ?? [];
    assert.equal(steps.length, 30); // 12 of 36 rows: a third of 90 columns, so three a stripe
    for (const [t, step] of steps.entries()) {
      if (t % 3 === 1) near(step.value ?? Number.NaN, Math.floor(t / 3) % 2 === 0 ? 1 : 0, 0.03, `column ${t}`);
    }
    assert.equal(note, 'a.png: 90 × 36 scaled to 30 × 12');
  });

  const tone = (rate: number, amplitude: number) => (i: number) => amplitude * Math.sin((2 * Math.PI * 440 * i) / rate);

  it('a WAV of the declared rate comes to the graph sample by sample', async () => {
    const at = tone(16_000, 0.5);
    const { row, heads, note } = await answerTo('tone', wav(wavFile(16_000, 8000, at)), async page => {
      await page.getByRole('img', { name: 'The sound that the model gets, 0.5 seconds' }).waitFor();
      await page.getByRole('img', { name: 'How much each of 60 stretches of the sound moved the answer' }).waitFor();
    });
    const samples = row as number[];
    assert.equal(samples.length, 8000);
    for (const i of [0, 1, 9, 100, 7999]) near(samples[i], at(i), 1e-4, `sample ${i}`);
    near(valueIn(heads, 'power'), 0.5 ** 2 / 2, 1e-4, 'power'); // 220 whole waves
    near(valueIn(heads, 'peak'), 0.5, 1e-3, 'peak');
    assert.equal(note, 'a.wav: 0.5 s');
  });

  it('a stereo WAV of another rate is made mono, resampled, and cut to what the graph takes', async () => {
    const both = wav(wavFile(48_000, 96_000, tone(48_000, 0.8), tone(48_000, 0.4)));
    const { row, heads, note } = await answerTo('tone', both);
    assert.equal((row as number[]).length, 16_000);
    near(valueIn(heads, 'power'), 0.6 ** 2 / 2, 2e-3, 'power');
    near(valueIn(heads, 'peak'), 0.6, 1e-2, 'peak');
    assert.equal(note, 'a.wav: the first 1 s of 2 s');

    const opposite = wav(wavFile(48_000, 48_000, tone(48_000, 0.8), tone(48_000, -0.8)));
    const { heads: none } = await answerTo('tone', opposite);
    near(valueIn(none, 'peak'), 0, 1e-3, 'peak of what cancels out');
  });

  it('sound in frames of another scale, the last filled up with silence', async () => {
    const { row, heads, note } = await answerTo('frames', wav(wavFile(8000, 1200 + 40, () => 0.25)));
    const frames = row as number[][];
    assert.deepEqual([frames.length, frames[0].length], [16, 80]);
    near(frames[15][39], 0.25 * 32_768, 2, 'the last sample');
    assert.equal(frames[15][40], 0);
    near(valueIn(heads, 'peak'), 0.25 * 32_768, 2, 'peak');
    near(valueIn(heads, 'power') / (0.25 * 32_768) ** 2, 1240 / 1280, 1e-3, 'power');
    assert.equal(note, 'a.wav: 0.155 s, and silence up to 0.16 s');
  });

  it('says what it cannot read, and keeps what there was', async () => {
    for (const [model, sentence] of [
      ['photo', 'this browser reads no picture in this file'],
      ['tone', 'this browser reads no sound in this file'],
    ]) {
      await visit(browser, `${server.origin}/#/${model}/1`, WIDE, async page => {
        await page.locator('.heads').waitFor();
        const none = { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('no such thing') };
        await page.locator('.media input').setInputFiles(none);
        assert.equal(await page.locator('.media [role=alert]').textContent(), sentence);
        await page.getByText('Its numbers').click();
        assert.ok((await page.getByLabel('Values of given as JSON').inputValue()).startsWith('['));
      });
    }
  });
});
