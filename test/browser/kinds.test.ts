// Heads of the kinds that no shipped model has: drawn as the server answers them, and accessible.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import type { Head, Prediction } from '../../web/src/model.ts';
import { kindsModel } from '../support/models/kinds.ts';
import { until } from '../support/runner/until.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { assertAccessible, launch, skip, visit } from './browser.ts';
import { assertDrawn, textOf } from './drawn.ts';

if (skip) console.log(`heads of other kinds are not tested on the page: ${skip}`);
/** A folder to leave pictures in. */
const pictures = process.argv[2];

describe('heads of other kinds on the page', { skip, timeout: 300_000 }, () => {
  let server: ServerProcess;
  let browser: Browser;
  before(async () => {
    server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: kindsModel() } });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  for (const [width, colorScheme] of [
    [1280, 'light'],
    [390, 'dark'],
  ] as const) {
    it(`gaussian, multilabel and ordinal at ${width}, ${colorScheme}`, async () => {
      const url = `${server.origin}/v1/models/kinds`;
      const { heads } = (await (await fetch(url)).json()) as { heads: Head[] };
      assert.deepEqual([...new Set(heads.map(head => head.kind))], ['gaussian', 'multilabel', 'ordinal']);
      const viewport = { width, height: 900 };
      await visit(browser, 'about:blank', { viewport, colorScheme }, async page => {
        const answer = page.waitForResponse(reply => reply.url().endsWith('/predict'));
        await page.goto(`${server.origin}/#/kinds/1`);
        const { predictions } = (await (await answer).json()) as { predictions: Prediction[] };
        await page.locator('.explanation').waitFor();
        for (const head of heads) await assertDrawn(page, head, predictions[0].heads[head.name], false);
        await assertAccessible(page, 'kinds');
        if (pictures) await page.screenshot({ path: path.join(pictures, `kinds-${width}.png`), fullPage: true });
      });
    });
  }

  it('a normal distribution moves with its input, and what was before is outlined', async () => {
    await visit(browser, `${server.origin}/#/kinds/1`, { viewport: { width: 1280, height: 900 } }, async page => {
      const head = '[data-head="level_sequence"]';
      await page.locator(head).waitFor();
      const earlier = await textOf(page, head);
      await page.getByText('3 time steps as a table').click();
      const cell = page.getByLabel('b, step 3');
      await cell.fill('4');
      await cell.press('Tab'); // the mean of b: 0.25 - 1 + 4 = 3.25 over 3
      await until('a wider answer', async () => (await textOf(page, head)) !== earlier, 30_000);
      const sd = Math.log1p(Math.exp(3.25 / 3)); // softplus
      const [value, half] = [1.5, 1.6448536269514722 * sd]; // scipy.stats.norm.ppf(0.95)
      for (const shown of [
        `±${sd.toPrecision(3)}`,
        `${(value - half).toPrecision(3)}to${(value + half).toPrecision(3)}`,
      ])
        assert.ok((await textOf(page, head)).includes(shown), `${await textOf(page, head)} has no ${shown}`);
      await page.locator(`${head} .ghost`).waitFor({ state: 'attached' });
    });
  });
});
