// The session on the thread that reads requests answers the golden sequences before it serves, and lets others come in between.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RunTimes } from '../../src/batching/run-times.ts';
import { LoadError } from '../../src/core/errors.ts';
import { type Golden, readGolden } from '../../src/proof/golden.ts';
import type { Proof } from '../../src/proof/prove.ts';
import { InlineRunner } from '../../src/runtime/inline-runner.ts';
import type { Runner } from '../../src/runtime/runner.ts';
import { openInline, recheckInTurns } from '../../src/service/inline.ts';
import { openFixture } from '../support/models/models.ts';

const { folder, graphFile, graph, signature } = await openFixture('models/weather/1');
const golden = (await readGolden(folder, signature, graph)) as Golden;
const session = { graphFile, provider: 'cpu', intraOpThreads: 1 } as const;
const proofOf = (goldenCases: Golden) =>
  ({ signature, goldenCases, mixing: 'classes', limits: { batchSize: 4, paddedSteps: 4096 } }) as unknown as Proof;
/** The training framework's answers, one of which is another. */
const off: Golden = {
  ...golden,
  cases: golden.cases.map((one, i) => (i === 1 ? { ...one, outputs: { ...one.outputs, wind: [1000] } } : one)),
};
const runner = await InlineRunner.open(session);
after(() => runner.close());

/** What the runner is asked: the steps of each run, and the turn of the event loop in which it begins. */
async function watched(act: (runner: Runner) => Promise<void>): Promise<{ steps: number; turn: number }[]> {
  const runs: { steps: number; turn: number }[] = [];
  let turn = 0;
  let ended = false;
  const counting = (async () => {
    for (; !ended; turn++) await nextTurn();
  })();
  const run: Runner['run'] = (feeds, fetches) => {
    runs.push({ steps: feeds.x.dims[1], turn });
    return runner.run(feeds, fetches);
  };
  await act({ onFree: () => {}, wanted: () => {}, close: () => runner.close(), idle: 1, ahead: 0, run });
  ended = true;
  await counting;
  return runs;
}

/** Runs are taken to last as many milliseconds as they have steps. */
function timesBySteps(): RunTimes {
  const times = new RunTimes();
  for (let steps = 1; steps <= 512; steps *= 2) times.observe(1, steps, steps);
  return times;
}

test('every golden sequence is answered, each in a turn of its own', async () => {
  const inline = { times: timesBySteps(), boundMs: Infinity };
  const runs = await watched(seen => recheckInTurns(proofOf(golden), { ...inline, runner: seen }));
  assert.equal(runs.length, golden.cases.length);
  const turns = runs.map(({ turn }) => turn);
  assert.equal(new Set(turns).size, turns.length, `${turns}`);
});

test('an answer that is off refuses the model', async () => {
  await assert.rejects(openInline(session, proofOf(off), 1000), (error: unknown) => {
    assert.ok(error instanceof LoadError);
    return /case 1: output "wind" is off by/.test(error.message);
  });
  const inline = await openInline(session, proofOf(golden), 1000);
  assert.equal(inline.runner.idle, 1);
  await inline.runner.close();
});

test('what is too long for this thread is left to the workers, but for the shortest', async () => {
  const lengths = golden.cases.map(({ feeds }) => feeds.x.dims[1]).sort((a, b) => a - b);
  const middle = lengths[Math.floor(lengths.length / 2)];
  assert.ok(lengths[0] < middle && middle < lengths[lengths.length - 1], `${lengths}`);
  for (const boundMs of [middle, 0]) {
    const inline = { times: timesBySteps(), boundMs };
    const runs = await watched(seen => recheckInTurns(proofOf(golden), { ...inline, runner: seen }));
    const most = Math.max(boundMs, lengths[0]);
    assert.deepEqual(runs.map(({ steps }) => steps).sort((a, b) => a - b), lengths.filter(steps => steps <= most)); // biome-ignore format: one thought
  }
});
