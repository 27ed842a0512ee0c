// Swagger UI as a person meets it: a real browser opens /docs of the real server over models/ and sends the examples
// without editing them. Run by itself with a path, it leaves the picture there:
//   npm run build && node dist/test/browser/swagger.test.js docs/swagger-ui.png
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { SHIPPED, shippedFolder } from '../support/models/shipped.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';
import { firstPaint, launch, skip } from './browser.ts';

// For the picture: the call and its reply on one screen. Long texts are shortened and what says nothing is left out.
const COMPACT = `
  .opblock:not(.is-open), .topbar, .curl-command, .request-url, .scheme-container, .info .link, .info__license { display: none }
  .opblock-section > .opblock-section-header, .opblock-section .parameters-container { display: none }
  .responses-inner > div > h4, .view-line-link { display: none }
  .swagger-ui .info { margin: 16px 0 0 }
  .swagger-ui .info .title { margin: 0 }
  .swagger-ui .opblock-description-wrapper { padding: 8px 20px 0 }
  .swagger-ui textarea.body-param__text { height: 135px; min-height: 0 }
  .swagger-ui .opblock-section-request-body .opblock-description-wrapper { padding: 0 20px }
  .swagger-ui .execute-wrapper, .swagger-ui .btn-group { padding: 0 20px 12px }
  .swagger-ui .responses-inner { padding: 8px 20px }
  .swagger-ui .highlight-code > .microlight { max-height: 445px }
`;
/** The models of this repository, and one that brings no manifest. */
const BARE = 'tl-lstm';
const MODELS = [...SHIPPED.keys()];

/** The names of a model's heads, where its manifest tells them. */
function headsOf(model: string): string[] | undefined {
  if (model === BARE) return undefined;
  const manifest = JSON.parse(readFileSync(`${shippedFolder(model)}/manifest.json`, 'utf8'));
  return manifest.heads.map((head: { name: string }) => head.name);
}

if (skip) console.log(`Swagger UI is not tested: ${skip}`);

describe('Swagger UI', { skip, timeout: 180_000 }, () => {
  let server: ServerProcess;
  let browser: Browser;
  const scratch = mkdtempSync(path.join(tmpdir(), 'polyhead-picture-'));
  const picture = process.argv[2] ?? path.join(scratch, 'swagger-ui.png');

  before(async () => {
    const repository = path.join(scratch, 'models');
    for (const name of MODELS) cpSync(shippedFolder(name), path.join(repository, name, '1'), { recursive: true });
    cpSync(`${ROOT}test/fixtures/exporters/${BARE}/1`, path.join(repository, BARE, '1'), { recursive: true });
    const env = { HOST: '0.0.0.0', POLYHEAD_AUTH: 'off', POLYHEAD_MODEL_REPOSITORY: repository };
    server = await startProcess({ env });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(scratch, { recursive: true });
  });

  /** Opens /docs under a host name, does something there, and finds nothing that the browser complained about. */
  async function visit(host: string, act: (page: Page) => Promise<void>): Promise<void> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1100 } });
    const complaints: string[] = [];
    page.on('console', message => {
      if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', error => complaints.push(`uncaught: ${error.message}`));
    page.on('requestfailed', request => complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
    page.on('response', reply => {
      if (reply.status() >= 400) complaints.push(`${reply.status()}: ${reply.url()}`);
    });
    page.setDefaultTimeout(20_000);
    try {
      const start = performance.now();
      await page.goto(`http://${host}:${new URL(server.origin).port}/docs`);
      await page.locator('.opblock').first().waitFor();
      const visible = Math.round(performance.now() - start);
      console.log(`first paint ${await firstPaint(page)} ms, first operation ${visible} ms after navigation to /docs`);
      await act(page);
    } finally {
      await page.close();
    }
    assert.deepEqual(complaints, []);
  }

  /** Opens an operation, sends its example as it stands, and holds the reply on the page to the model. */
  async function execute(page: Page, url: string, model: string): Promise<Locator> {
    const block = page.locator('.opblock-post').filter({ has: page.locator(`[data-path="${url}"]`) });
    await block.locator('.opblock-summary-control').click();
    await block.getByRole('button', { name: 'Try it out' }).click();
    await block.getByRole('button', { name: 'Execute' }).click();
    const reply = block.locator('.live-responses-table');
    await reply.waitFor();
    assert.match((await reply.locator('tbody .response-col_status').first().textContent()) ?? '', /^\s*200/);
    const body = JSON.parse((await reply.locator('.response-col_description pre').first().textContent()) ?? '');
    assert.equal(body.model, model);
    assert.ok(body.predictions.length > 0);
    for (const { heads } of body.predictions) {
      if (model === BARE) for (const head of Object.values(heads)) assert.ok('values' in (head as object));
      else assert.deepEqual(Object.keys(heads), headsOf(model));
    }
    return block;
  }

  it("sends the model's own operation unedited", async () => {
    await visit('localhost', async page => {
      const block = await execute(page, '/v1/models/weather/predict', 'weather');
      const tag = page.locator('.opblock-tag-section').filter({ has: block });
      assert.equal(await tag.locator('.opblock-tag').getAttribute('data-tag'), 'predict by model');
      await page.addStyleTag({ content: COMPACT });
      await page.evaluate('scrollTo(0, 0)');
      await page.screenshot({ path: picture });
      assert.ok(statSync(picture).size > 20_000, 'the picture shows something');
    });
  });

  it('sends the example of every model unedited, of one without a manifest too', async () => {
    await visit('localhost', async page => {
      for (const model of [...MODELS, BARE]) await execute(page, `/v1/models/${model}/predict`, model);
    });
  });

  it('sends the generic operation unedited', async () => {
    await visit('localhost', async page => {
      await execute(page, '/v1/models/{model}/predict', [...MODELS, BARE].sort()[0]);
    });
  });

  it('asks for a key where one is needed, and sends it', async () => {
    const env = { POLYHEAD_API_KEYS: 'the-key-of-this-test', POLYHEAD_MODEL_REPOSITORY: `${ROOT}test/fixtures/models` };
    const locked = await startProcess({ env: { ...env, POLYHEAD_STRICT_REPOSITORY: 'false' } });
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    try {
      await page.goto(`${locked.origin}/docs`);
      await page.locator('.auth-wrapper').getByRole('button', { name: 'Authorize' }).click();
      await page.locator('.modal-ux input').fill('the-key-of-this-test');
      await page.locator('.modal-ux').getByRole('button', { name: 'Apply credentials' }).click();
      await page.locator('.modal-ux').getByRole('button', { name: 'Close' }).first().click();
      const block = page
        .locator('.opblock-post')
        .filter({ has: page.locator('[data-path="/v1/models/lstm/predict"]') });
      await block.locator('.opblock-summary-control').click();
      await block.getByRole('button', { name: 'Try it out' }).click();
      await block.getByRole('button', { name: 'Execute' }).click();
      const status = block.locator('.live-responses-table tbody .response-col_status').first();
      assert.match((await status.textContent()) ?? '', /^\s*200/);
    } finally {
      await page.close();
      await locked.stop();
    }
  });

  // Browsers excuse loopback from much that they demand of other hosts: headers that ask for https break only those.
  for (const host of ['127.0.0.1', '127.0.0.2', 'polyhead.test']) {
    it(`works under ${host}`, async () => {
      await visit(host, async page => {
        await execute(page, '/v1/models/weather/predict', 'weather');
      });
    });
  }
});
