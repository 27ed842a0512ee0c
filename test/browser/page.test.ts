// The page as a person meets it, on every shipped model, wide and narrow, light and dark: what it draws is what the server
// answers, nothing moves or complains, and axe finds nothing. With a folder as argument it leaves the pictures there:
//   npm run build && node dist/test/browser/page.test.js docs
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { short } from '../../web/src/format.ts';
import type { Head, Prediction } from '../../web/src/model.ts';
import { ownModels } from '../support/models/served-copies.ts';
import { SHIPPED, shippedFolder } from '../support/models/shipped.ts';
import { until } from '../support/runner/until.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { assertAccessible, firstPaint, launch, skip, visit } from './browser.ts';
import { assertDrawn, bare, textOf } from './drawn.ts';

const MODELS = [...SHIPPED.keys()];
const SIZES = [
  { width: 1280, height: 900 },
  { width: 390, height: 844 },
  { width: 3840, height: 2160 },
];
const RAIN = '[data-head="rain"]';
const SCHEMES = ['light', 'dark'] as const;

if (skip) console.log(`the page is not tested: ${skip}`);

/** Sums what moves without having been asked to. */
const WATCH_SHIFTS = `
  globalThis.shifted = 0;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shifted += entry.value;
  }).observe({ type: 'layout-shift', buffered: true });
`;

describe('the page', { skip, timeout: 3_600_000 }, () => {
  let server: ServerProcess;
  let browser: Browser;
  const scratch = mkdtempSync(path.join(tmpdir(), 'polyhead-pictures-'));
  const pictures = process.argv[2] ?? scratch;
  before(async () => {
    server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: ownModels() } });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(scratch, { recursive: true });
  });

  const drawn = (page: Page) => page.locator('.heads').waitFor();
  const addressOf = (model: string) => `${server.origin}/#/${model}/${SHIPPED.get(model)}`;

  async function answerOf(model: string): Promise<{ heads: Head[]; prediction: Prediction }> {
    const described = await fetch(`${server.origin}/v1/models/${model}`);
    const { heads } = (await described.json()) as { heads: Head[] };
    const body = readFileSync(`${shippedFolder(model)}/example.json`, 'utf8');
    const headers = { 'content-type': 'application/json' };
    const reply = await fetch(`${server.origin}/v1/models/${model}/predict`, { method: 'POST', headers, body });
    const { predictions } = (await reply.json()) as { predictions: Prediction[] };
    return { heads, prediction: predictions[0] };
  }

  for (const size of SIZES) {
    for (const colorScheme of SCHEMES) {
      it(`holds still and is accessible at ${size.width}, ${colorScheme}`, async () => {
        for (const model of MODELS) {
          const where = `${model} at ${size.width}, ${colorScheme}`;
          await visit(browser, 'about:blank', { viewport: size, colorScheme }, async page => {
            await page.addInitScript(WATCH_SHIFTS);
            const start = performance.now();
            await page.goto(addressOf(model));
            await drawn(page);
            const usable = Math.round(performance.now() - start);
            console.log(
              `${where}: first paint ${await firstPaint(page)} ms, answers drawn ${usable} ms after navigation`,
            );
            await page.locator('.explanation, .panel .empty').first().waitFor();
            const overflow = 'document.documentElement.scrollWidth - innerWidth';
            assert.ok(Number(await page.evaluate(overflow)) <= 0, `${where} scrolls sideways`);
            const chosen = await page.locator('.models [aria-current]').boundingBox();
            assert.ok(
              chosen && chosen.x >= 0 && chosen.x + chosen.width <= size.width,
              `${where} is out of sight in the list`,
            );
            await assertAccessible(page, where);
            const shifted = Number(await page.evaluate('globalThis.shifted'));
            assert.ok(shifted < 0.01, `${where} shifts by ${shifted}`);
          });
        }
      });
    }
  }

  for (const model of MODELS) {
    it(`draws every head of ${model} as the server answers it`, async () => {
      const { heads, prediction } = await answerOf(model);
      await visit(browser, addressOf(model), { viewport: SIZES[0] }, async page => {
        await drawn(page);
        const tagged = await page.locator('.tagged').count();
        for (const head of heads) await assertDrawn(page, head, prediction.heads[head.name], tagged > 0);
        if (model === 'storms') await assertTrack(page, prediction);
      });
    });
  }

  async function assertTrack(page: Page, { heads }: Prediction): Promise<void> {
    const forecasts = page.locator('.track .forecast');
    assert.equal(await forecasts.count(), heads.lat.steps?.length);
    const [lat, long] = [heads.lat, heads.long].map(head => head.steps?.at(-1)?.value ?? 0);
    const place = `${short(lat, 3)}° N, ${short(-long, 3)}° W`;
    assert.ok((await textOf(page, '.track figcaption')).includes(bare(place)), place);
    await page.locator('.track .land[d^="M"]').waitFor({ state: 'attached' });
  }

  it('moves every head when a point is dragged, and outlines what was before', async () => {
    await visit(browser, addressOf('weather'), { viewport: SIZES[0] }, async page => {
      await drawn(page);
      const before = await textOf(page, '[data-head="rain"]');
      const box = await page.locator('.line .u-over').first().boundingBox();
      assert.ok(box);
      await page.mouse.move(box.x + box.width - 4, box.y + box.height / 3);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width - 4, box.y + box.height - 1, { steps: 4 });
      await page.mouse.up();
      await page.locator('[data-head="rain"] .ghost').first().waitFor({ state: 'attached' });
      await until('the answer changes', async () => (await textOf(page, RAIN)) !== before, 30_000);
      await page.getByRole('button', { name: 'Undo changes' }).click();
      await until('the answer comes back', async () => (await textOf(page, RAIN)) === before, 30_000);
    });
  });

  it('takes pasted tables and typed sentences', async () => {
    await visit(browser, addressOf('weather'), { viewport: SIZES[1] }, async page => {
      await drawn(page);
      await page.getByText('Paste CSV or JSON').click();
      await page.getByLabel('CSV or JSON for days').fill('0,30,18,2,sun,200,Seattle\n0,31,19,2,sun,201,Seattle');
      await page.getByRole('button', { name: 'Use it' }).click();
      await page.getByText('2 time steps as a table').waitFor();
      await until('a dry answer', async () => (await textOf(page, `${RAIN} .chosen .label`)) === 'dry', 30_000);
    });
    await visit(browser, addressOf('tagger'), { viewport: SIZES[1] }, async page => {
      await drawn(page);
      await page.getByLabel('Sentence for words').fill('Cats sleep.');
      await until('three words', async () => (await page.locator('.tagged .words .word').count()) === 3, 30_000);
    });
  });

  it('steps through a stream, fills batches, gives the code and the card, each accessible', async () => {
    await visit(browser, addressOf('weather'), { viewport: SIZES[0] }, async page => {
      await drawn(page);
      await page.getByRole('tab', { name: 'Stream' }).click();
      for (const n of [1, 2]) {
        await page.getByRole('button', { name: `Send step ${n}` }).click();
        await page
          .locator('.panel tbody tr')
          .nth(n - 1)
          .waitFor();
      }
      assert.match(await textOf(page, '.panel [role=status]'), /^2stepssent,state256B$/);
      await assertAccessible(page, 'stream');
      await page.getByRole('button', { name: 'Reset' }).click();
      await page.getByRole('tab', { name: 'Batch' }).click();
      await page.getByRole('button', { name: /^Send \d+ requests/ }).click();
      await page.locator('.runs li').first().waitFor();
      assert.equal(await page.locator('.runs .batch > span').count(), 24);
      await assertAccessible(page, 'batch');
      await page.getByRole('tab', { name: 'Batch' }).press('ArrowRight');
      for (const language of ['Python', 'TypeScript', 'curl']) {
        await page.locator('.code .choice label').filter({ hasText: language }).click();
        assert.match(await textOf(page, '.code pre'), /\/v1\/models\/weather\/predict/);
      }
      await assertAccessible(page, 'code');
      await page.getByRole('tab', { name: 'Card' }).click();
      await page.getByRole('heading', { name: 'Weather, version 1' }).waitFor();
      await assertAccessible(page, 'card');
    });
  });

  it('asks for a key where keys are on, and keeps it in the tab', async () => {
    const key = 'a-key-of-the-browser-test-0123456789';
    const keyed = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: ownModels(), POLYHEAD_API_KEYS: key } });
    try {
      const context = await browser.newContext({ viewport: SIZES[0] });
      const page = await context.newPage();
      await page.goto(keyed.origin);
      await page.getByLabel('Key', { exact: true }).fill(key);
      await page.getByRole('button', { name: 'Use this key' }).click();
      await drawn(page);
      assert.equal(await page.evaluate('localStorage.length'), 0);
      await page.reload();
      await drawn(page);
      await context.close();
    } finally {
      await keyed.stop();
    }
  });

  it('leaves its pictures', async () => {
    const shots: [string, string, { width: number; height: number }, 'light' | 'dark', boolean][] = [
      ['page.png', 'weather', { width: 1440, height: 1180 }, 'light', false],
      ['page-storms.png', 'storms', { width: 1440, height: 1180 }, 'dark', false],
      ['page-phone.png', 'tagger', { width: 390, height: 844 }, 'light', false],
    ];
    for (const [file, model, viewport, colorScheme, fullPage] of shots) {
      await visit(browser, addressOf(model), { viewport, colorScheme }, async page => {
        await drawn(page);
        await page.locator('.explanation').waitFor();
        if (model === 'storms') await page.locator('.track .land[d^="M"]').waitFor({ state: 'attached' });
        await page.screenshot({ path: path.join(pictures, file), fullPage });
      });
    }
  });
});
