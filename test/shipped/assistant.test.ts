// The assistant through HTTP: every test utterance as a text, its intent and its spans' ranges against the data; the figures are
// those that its recipe measured. Texts and words answer alike.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type Client, clientAt, listen } from '../support/client/client.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { ROOT, startApp, type TestApp } from '../support/server/service.ts';

const RECIPE = `${ROOT}models/assistant/recipe`;
const TOGETHER = 50;

interface Span {
  readonly label: string;
  readonly start: number;
  readonly end: number;
  readonly startChar?: number;
  readonly endChar?: number;
  readonly text?: string;
}
interface Prediction {
  readonly length: number;
  readonly heads: {
    readonly intent: { label: string };
    readonly slots: { spans: Span[]; labels?: string[]; probability: number };
  };
}

/** An utterance of the data: its text, its intent, and its slots as `kind start end` in characters. */
function utterances(): { text: string; intent: string; slots: Set<string> }[] {
  const lines = gunzipSync(readFileSync(`${RECIPE}/test.jsonl.gz`))
    .toString()
    .trim()
    .split('\n');
  return lines.map(line => {
    const { intent, segments } = JSON.parse(line) as { intent: string; segments: [string, string?][] };
    const slots = new Set<string>();
    let text = '';
    for (const [piece, kind] of segments) {
      const start = [...text].length + [...piece].length - [...piece.trimStart()].length;
      if (kind !== undefined && piece.trim() !== '') slots.add(`${kind} ${start} ${start + [...piece.trim()].length}`);
      text += piece;
    }
    return { text, intent, slots };
  });
}

describe('the assistant', () => {
  let app: TestApp;
  let call: Client;
  const predict = async (sequences: unknown[], probabilities = 'top') => {
    const reply = await call('/v1/models/assistant/predict', { body: { sequences, probabilities } });
    assert.equal(reply.status, 200, reply.text);
    return (JSON.parse(reply.text) as { predictions: Prediction[] }).predictions;
  };

  before(async () => {
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repositoryOf('models/assistant') });
    call = await clientAt(await listen(app));
  });
  after(() => app.close());

  it('reaches over HTTP what its recipe measured, on the whole test split', async () => {
    const all = utterances();
    let [intents, exact, hits, said, wanted] = [0, 0, 0, 0, 0];
    for (let first = 0; first < all.length; first += TOGETHER) {
      const part = all.slice(first, first + TOGETHER);
      const predictions = await predict(part.map(({ text }) => text));
      predictions.forEach(({ heads }, i) => {
        const { text, intent, slots } = part[i];
        const found = heads.slots.spans.map(span => {
          assert.equal([...text].slice(span.startChar, span.endChar).join(''), span.text);
          return `${span.label} ${span.startChar} ${span.endChar}`;
        });
        const right = found.filter(span => slots.has(span)).length;
        [hits, said, wanted] = [hits + right, said + found.length, wanted + slots.size];
        if (heads.intent.label === intent) intents++;
        if (heads.intent.label === intent && right === found.length && right === slots.size) exact++;
      });
    }
    const { test_served_graph: measured } = JSON.parse(readFileSync(`${RECIPE}/metrics.json`, 'utf8'));
    const figures = { intent: intents / all.length, slot_f1: (2 * hits) / (said + wanted), exact: exact / all.length };
    for (const [name, share] of Object.entries(figures))
      assert.ok(Math.abs(100 * share - measured[name]) < 0.15, `${name}: ${100 * share}, measured ${measured[name]}`);
  });

  it('answers a text as it answers its words, and tells ranges only of a text', async () => {
    const [text, words] = await predict(['play  Gia now!', ['play', 'Gia', 'now', '!']], 'all');
    assert.deepEqual(text.heads.slots.labels, words.heads.slots.labels);
    assert.equal(text.length, 4);
    assert.ok(words.heads.slots.spans.every(span => span.startChar === undefined));
  });

  it('refuses a text without words, in words', async () => {
    const reply = await call('/v1/models/assistant/predict', { body: { sequences: [' '] } });
    assert.equal(reply.status, 422);
    assert.match(reply.text, /0 time steps, expected 1 to 128/);
  });
});
