// The shipped models and the exporters' graphs on a processor: none refused, right by the golden answers, and certified as
// on others but for the last bits, which are told. A file for each processor, so that two of them run at a time.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCatalogue } from '../../tools/exporters-matrix.ts';
import { polyhead } from '../support/client/command.ts';
import { send } from '../support/client/exchange.ts';
import { assertGolden, goldenModels, type Prediction } from '../support/models/golden.ts';
import { startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';
import { type Processor, runOn } from './emulator.ts';

const EXPORTERS = 'test/fixtures/exporters';
const shipped = goldenModels(`${ROOT}models`);

/** What `polyhead check` says of each model, by name. */
async function checked(repository: string, { node }: Processor): Promise<Map<string, string>> {
  const { code, stdout } = await polyhead(['check', repository], { node });
  assert.equal(code, 0, stdout);
  const lines = stdout.split('\n').filter(line => line.startsWith('ok '));
  assert.match(stdout, new RegExp(`^${lines.length} ok, 0 refused$`, 'm'));
  return new Map(lines.map(line => [/^ok +([^ /]+)/.exec(line)?.[1] ?? '', line]));
}

/** Declares the tests of a processor; `skip` says why it cannot be had. */
export function testProcessor(processor: Processor, skip: string | false = false): void {
  if (skip) console.log(`${processor.name} is not tested: ${skip}`);
  describe(processor.name, { skip }, () => tests(processor));
}

function tests(processor: Processor): void {
  it('refuses no shipped model', async t => {
    const found = await checked('models', processor);
    assert.deepEqual([...found.keys()].sort(), shipped.map(({ name }) => name).sort());
    t.diagnostic(`${found.size} ok, 0 refused`);
  });

  it("certifies every exporter's graph as on the processor that made the catalogue, but for the last bits", async t => {
    const found = await checked(EXPORTERS, processor);
    const catalogue = readCatalogue();
    assert.equal(found.size, catalogue.length);
    for (const { name, truth } of catalogue) {
      const [, rows, lengths] = /rows (\w+) +lengths (\w+)/.exec(found.get(name) ?? '') ?? [];
      assert.deepEqual([name, rows === 'alone', lengths], [name, truth.rows === 'alone', truth.lengths]);
      if (rows !== truth.rows) t.diagnostic(`${name}: rows ${rows} here, ${truth.rows} there`);
    }
  });

  it('serves every shipped model, with the answers of its training framework', async () => {
    const { node } = processor;
    const patience = { POLYHEAD_REQUEST_TIMEOUT_MS: '600000', POLYHEAD_MAX_REQUEST_TIMEOUT_MS: '600000' };
    const env = { POLYHEAD_MODEL_REPOSITORY: 'models', ...patience };
    const server = await startProcess({ node, env });
    try {
      for (const model of shipped) {
        const body = { sequences: model.cases.map(({ sequence }) => sequence), probabilities: 'all' };
        const reply = await send(server.origin, `/v1/models/${model.name}/predict`, {
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        });
        assert.equal(reply.status, 200, reply.text);
        const { predictions } = JSON.parse(reply.text) as { predictions: Prediction[] };
        assert.equal(predictions.length, model.cases.length);
        for (const [i, prediction] of predictions.entries()) assertGolden(model, model.cases[i], prediction);
      }
    } finally {
      await server.stop();
    }
  });

  it('computes weights stored without sign right in any program; signed ones only where sums do not saturate', t => {
    const names = ['oq-lstm', 'oq-gru', 'oq-signed'].map(name => `${ROOT}${EXPORTERS}/${name}/1`);
    const output = runOn(processor, 'plain.js', `${ROOT}models/weather-quantised/1`, ...names);
    const found: [number, number][] = JSON.parse(output);
    const signed = found.pop();
    for (const [difference, tolerance] of found) assert.ok(difference <= tolerance, output);
    const [difference, tolerance] = signed ?? assert.fail(output);
    assert.equal(difference > tolerance, processor.saturates, output);
    t.diagnostic(`signed weights are off by ${difference.toExponential(1)}, allowed ${tolerance}`);
  });
}
