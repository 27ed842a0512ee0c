// A headless Chromium over the real server, and what it complains about.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  ...'--headless --no-sandbox --disable-gpu --disable-quic --no-first-run'.split(' '),
  ...'--disable-background-networking --disable-component-update --disable-sync'.split(' '),
  '--host-resolver-rules=MAP polyhead.test 127.0.0.1',
];

/** Why browser tests are skipped, where they are. */
export const skip = existsSync(CHROMIUM) ? false : `${CHROMIUM} is not installed (apt-get install chromium)`;

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

/** Opens an address, does something there, and finds nothing that the browser complained about. */
export async function visit(
  browser: Browser,
  address: string,
  options: BrowserContextOptions,
  act: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', error => complaints.push(`uncaught: ${error.message}`));
  page.on('requestfailed', request => {
    const why = request.failure()?.errorText ?? '';
    if (!why.includes('ERR_ABORTED')) complaints.push(`failed: ${request.url()} ${why}`);
  });
  page.on('response', reply => {
    if (reply.status() >= 400) complaints.push(`${reply.status()}: ${reply.url()}`);
  });
  page.setDefaultTimeout(30_000);
  try {
    await page.goto(address);
    await act(page);
  } finally {
    await context.close();
  }
  assert.deepEqual(complaints, []);
}

/** Finds nothing that hinders people who see, hear or move otherwise. */
export async function assertAccessible(page: Page, where: string): Promise<void> {
  await page.evaluate(AXE);
  const found = await page.evaluate(
    `axe.run().then(({ violations }) => violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html).join(' | ')))`,
  );
  assert.deepEqual(found, [], where);
}

/** When the page first showed something, in milliseconds after navigation. */
export async function firstPaint(page: Page): Promise<number> {
  const time = await page.evaluate(`performance.getEntriesByName('first-contentful-paint')[0]?.startTime`);
  return Math.round(Number(time));
}
