// Chunked equals whole: for every graph with state that does not look ahead, any cut of a sequence gives, by stream, by
// token and by protocol sequence, what one call gives; alone, and while everybody else calls too.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isRowInput } from '../../../src/model/signature.ts';
import { randomNumbers, randomSequence } from '../../../src/proof/samples.ts';
import type { Sequence } from '../../../src/sequence/sequence.ts';
import { readCatalogue } from '../../../tools/exporters-matrix.ts';
import { assertSame, type ContinuedModel, Continuing, piece, type Said } from '../../support/client/continuing.ts';
import { type Call, inject } from '../../support/client/exchange.ts';
import { between, pick } from '../../support/models/models.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const CATALOGUE = readCatalogue().filter(({ truth }) => truth.state.length > 0);
const OWN = ['weather', 'weather-gru', 'storms', 'recurrent'];
const NAMES = ['lstm', ...OWN, ...CATALOGUE.map(({ name }) => name)];
const STREAMS = 32;

const random = randomNumbers(70);

/** The largest difference that the certificate leaves room for. */
function toleranceOf({ certificate }: ContinuedModel): number {
  const verdicts = [certificate, certificate.state].map(verdict => verdict?.rows);
  return certificate.state?.continues === 'exact' && !verdicts.includes('tolerance') ? 0 : 1e-5;
}

function sampleOf({ signature }: ContinuedModel, most: number): Sequence {
  const maximum = Math.min(...signature.inputs.map(({ spec }) => (isRowInput(spec) ? spec.time.maximum : Infinity)));
  return randomSequence(signature, between(random, 1, Math.min(most, maximum)), random);
}

/** A sequence cut at random, perhaps at every step, perhaps nowhere. */
function cut({ signature }: ContinuedModel, sequence: Sequence): Sequence[] {
  const most = pick(random, [1, 3, 10, 40]);
  const pieces: Sequence[] = [];
  for (let from = 0; from < sequence.length; ) {
    const to = Math.min(sequence.length, from + between(random, 1, most));
    pieces.push(piece(signature, sequence, from, to));
    from = to;
  }
  return pieces;
}

describe('chunked equals whole', () => {
  let app: TestApp;
  let ids = 1000;
  const send = (path: string, call?: Call) => inject(app.app, path, call);
  const continuing = (name: string) => new Continuing(app.service.models.get(name), send);

  before(async () => {
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repositoryOf(
        'test/fixtures/models/lstm',
        ...OWN.map(name => `models/${name}`),
        ...CATALOGUE.map(({ name }) => `test/fixtures/exporters/${name}`),
      ),
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
    });
    await app.app.ready();
  });
  after(() => app.close());

  it('knows every state pair of the catalogue, whatever the names', () => {
    for (const { name, truth } of CATALOGUE) {
      const { manifest, certificate } = app.service.models.get(name);
      assert.deepEqual(
        [...manifest.state].map(({ input, output }) => `${input} ${output}`).sort(),
        truth.state.map(({ input, output }) => `${input} ${output}`).sort(),
        name,
      );
      assert.notEqual(certificate.state?.continues, 'no', name);
    }
  });

  for (const name of NAMES) {
    it(`alone: ${name}`, async () => {
      const way = continuing(name);
      const tolerance = toleranceOf(way.model);
      for (let i = 0; i < 3; i++) {
        const sequence = sampleOf(way.model, 60);
        const whole = await way.whole(sequence);
        const tensors = await way.wholeTensors(sequence);
        assertSame(await way.stream(cut(way.model, sequence)), whole, tolerance, `${name} by stream`);
        assertSame(await way.token(cut(way.model, sequence)), whole, tolerance, `${name} by token`);
        const id = i % 2 ? ids++ : `call ${ids++}`;
        assertSame(await way.protocol(cut(way.model, sequence), id), tensors, tolerance, `${name} by sequence`);
      }
    });

    it(`in company: ${name}`, async () => {
      const way = continuing(name);
      const tolerance = toleranceOf(way.model);
      const sequences = Array.from({ length: STREAMS }, () => sampleOf(way.model, 24));
      const wholes: { heads: Said; tensors: Said }[] = [];
      for (const sequence of sequences) {
        wholes.push({ heads: await way.whole(sequence), tensors: await way.wholeTensors(sequence) });
      }
      let going = true;
      let answered = 0;
      const stateless = async (first: number) => {
        for (let i = first; going; i++) {
          const at = i % STREAMS;
          assertSame(await way.whole(sequences[at]), wholes[at].heads, tolerance, `${name} without state`);
          answered++;
        }
      };
      const others = Promise.all([0, 7, 14, 21].map(stateless));
      try {
        await Promise.all(
          sequences.map(async (sequence, i) => {
            const pieces = cut(way.model, sequence);
            const { heads, tensors } = wholes[i];
            if (i % 3 === 0) assertSame(await way.stream(pieces), heads, tolerance, `${name} by stream`);
            else if (i % 3 === 1) assertSame(await way.token(pieces), heads, tolerance, `${name} by token`);
            else assertSame(await way.protocol(pieces, ids++), tensors, tolerance, `${name} by sequence`);
          }),
        );
      } finally {
        going = false;
        await others;
      }
      assert.ok(answered > 0);
      const largest = Math.max(
        ...app.service.models
          .get(name)
          .statistics.sizes()
          .map(({ size }) => size),
      );
      assert.ok(largest > 1, 'nothing shared a run');
    });
  }

  it('leaves no stream behind', () => {
    assert.deepEqual(app.service.streams.store.usage(), { streams: 0, bytes: 0 });
  });
});
