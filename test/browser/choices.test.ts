// Inputs that take only some values: the page has a choice for each, and shows the sums that the graphs make of them.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { FLOAT, SCALED_SUM, STRING, sumOf } from '../support/models/sum.ts';
import { until } from '../support/runner/until.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { assertAccessible, launch, skip, visit } from './browser.ts';
import { textOf } from './drawn.ts';

if (skip) console.log(`choices are not tested on the page: ${skip}`);

const REPOSITORY = temporaryFolder();
function write(name: string, graph: Uint8Array, ...inputs: object[]): void {
  const folder = path.join(REPOSITORY, name, '1');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'model.onnx'), graph);
  const manifest = {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs,
    heads: [{ name: 'total', tensor: 'total', kind: 'regression' }],
  };
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
}
/** The answer that is shown is a number. */
const shows = async (page: Page, number: string) =>
  await until(number, async () => (await textOf(page, '[data-head="total"]')).includes(number), 30_000);
const chosen = (page: Page) =>
  page.locator('.choices select').evaluateAll(all => all.map(one => one.selectedOptions[0].textContent));

describe('inputs that take only some values, on the page', { skip, timeout: 300_000 }, () => {
  let server: ServerProcess;
  let browser: Browser;
  before(async () => {
    const x = { name: 'x', tensor: 'x' };
    write('codes', sumOf(STRING, ['n', 't']), {
      ...x,
      kind: 'token',
      values: ['1.5', '20', '300'],
      example: ['20', '1.5'],
      time: { maximum: 3 },
    });
    write('levels', sumOf(FLOAT, ['n', 't', 2]), {
      ...x,
      kind: 'tensor',
      values: [-7, 0.5, 40],
      example: [[0.5, -7], [40, 40]], // biome-ignore format: a row a step
      time: { maximum: 4 },
    });
    const rate = { name: 'rate', tensor: 'rate', kind: 'side', values: [2, 3, 5], default: 3 };
    write('scaled', SCALED_SUM, { ...x, kind: 'tensor', example: [1.5, 2], time: { maximum: 4 } }, rate);
    server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: REPOSITORY } });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  it('tokens are chosen, put on and taken off', async () => {
    await visit(browser, `${server.origin}/#/codes/1`, { viewport: { width: 390, height: 844 } }, async page => {
      await shows(page, '21.5');
      assert.deepEqual(await chosen(page), ['20', '1.5']);
      assert.deepEqual(await page.getByLabel('x, 2').locator('option').allTextContents(), ['1.5', '20', '300']);
      await page.getByLabel('x, 2').selectOption('300');
      await shows(page, '320');
      await page.getByText('Add a step').click();
      await shows(page, '620');
      assert.ok(await page.getByText('Add a step').isDisabled());
      await page.getByText('Remove the last').click();
      await page.getByText('Remove the last').click();
      await shows(page, '20');
      assert.deepEqual(await chosen(page), ['20']);
      assert.ok(await page.getByText('Remove the last').isDisabled());
      await assertAccessible(page, 'codes');
    });
  });

  it('values of a tensor are chosen where they lie', async () => {
    await visit(browser, `${server.origin}/#/levels/1`, { viewport: { width: 1280, height: 900 } }, async page => {
      await shows(page, '73.5');
      assert.deepEqual(await chosen(page), ['0.5', '-7', '40', '40']);
      await page.getByLabel('x, 1, 2').selectOption('0.5');
      await shows(page, '81');
      await page.getByLabel('x, 2, 1').selectOption('-7');
      await shows(page, '34');
      await assertAccessible(page, 'levels');
    });
  });

  it('a side value is chosen, and is its default until then', async () => {
    await visit(browser, `${server.origin}/#/scaled/1`, { viewport: { width: 390, height: 844 } }, async page => {
      const rate = page.getByLabel('rate', { exact: true });
      const shown = () => rate.locator('option:checked').textContent();
      await shows(page, '10.5');
      assert.equal(await shown(), '3');
      await rate.selectOption('5');
      await shows(page, '17.5');
      assert.equal(await shown(), '5');
      await assertAccessible(page, 'scaled');
    });
  });
});
