// What the page draws of a head, held to the numbers of a reply.
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { percent, short } from '../../web/src/format.ts';
import type { Head, HeadReply } from '../../web/src/model.ts';

/** The text without its spaces, which markup need not have. */
export const bare = (text: string | null) => (text ?? '').replace(/\s+/g, '');
export const textOf = async (page: Page, selector: string) => bare(await page.locator(selector).first().textContent());

/** `tagged`: whether the page has a sentence with tags, which then shows the heads per word. */
export async function assertDrawn(page: Page, head: Head, reply: HeadReply, tagged: boolean): Promise<void> {
  if (tagged && reply.steps) {
    await page
      .locator('.tagged .choice label')
      .filter({ hasText: new RegExp(`^${head.name}$`) })
      .click();
    const tags = await page.locator('.tagged .words .tag').allTextContents();
    assert.deepEqual(
      tags,
      reply.steps.map(step => step.label),
    );
    return;
  }
  const text = await textOf(page, `[data-head="${head.name}"]`);
  if (head.kind === 'tensor') return assert.ok(text.length > head.name.length, text);
  const last = reply.steps?.at(-1) ?? reply;
  if (last.value !== undefined)
    assert.ok(text.includes(short(last.value, reply.steps ? 4 : 3)), `${head.name}: ${text}`);
  if (last.lower !== undefined)
    assert.ok(text.includes(short(last.lower, reply.steps ? 4 : 3)), `${head.name}: ${text}`);
  for (const [label, probability] of Object.entries(reply.probabilities ?? {})) {
    assert.ok(text.includes(bare(`${label} ${percent(probability)}`)), `${head.name} ${label}: ${text}`);
  }
  if (last.sd !== undefined && !reply.steps) assert.ok(text.includes(`±${short(last.sd, 3)}`), `${head.name}: ${text}`);
  if (reply.steps && last.labels) {
    assert.ok(text.includes(bare(last.labels.join(', ') || 'none of them')), `${head.name}: ${text}`);
  }
  if (reply.steps && last.label !== undefined && head.kind !== 'binary') {
    assert.ok(text.includes(bare(`${last.label} ${percent(last.probability ?? 0)}`)), `${head.name}: ${text}`);
  }
}
