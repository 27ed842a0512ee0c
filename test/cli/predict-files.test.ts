// polyhead predict over tables and by a server: the same answers whatever the file and whoever answers; what ended goes on.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, linkSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import { EXAMPLE } from '../client/server.ts';
import { listen } from '../support/client/client.ts';
import { answerOf, faultOf, polyhead } from '../support/client/command.ts';
import { repositoryOf, temporaryFolder } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { FIXTURES, ROOT, startApp } from '../support/server/service.ts';

const KEY = 'a-key-of-the-predict-tests';
const REPOSITORY = repositoryOf('models/weather', 'models/tagger', 'models/assistant');
const folder = temporaryFolder();
const served = await startApp({
  POLYHEAD_MODEL_REPOSITORY: REPOSITORY,
  POLYHEAD_EXECUTION_PROVIDER: 'cpu',
  POLYHEAD_WORKERS: '1',
  POLYHEAD_API_KEYS: KEY,
});
const origin = await listen(served);
after(() => served.close());

const fileNamed = (name: string) => path.join(folder, name);
function fileWith(name: string, text: string): string {
  writeFileSync(fileNamed(name), text);
  return fileNamed(name);
}
const byServer = ['predict', '--url', origin];
const withKey = { env: { POLYHEAD_API_KEYS: KEY } };
const byRepository = ['predict', REPOSITORY];

/** Many sequences of the example's days, of 1 to 10 of them. */
const many = Array.from({ length: 600 }, (_, i) => EXAMPLE[0].slice(0, 1 + (i % 10)));
const jsonl = fileWith('many.jsonl', many.map(days => `${JSON.stringify(days)}\n`).join('')); // biome-ignore format: one line
const names = Object.keys(EXAMPLE[0][0]) as (keyof (typeof EXAMPLE)[0][0])[];
const csv = fileWith(
  'many.csv',
  `${['sequence', ...names].join()}\n${many.map((days, i) => days.map(day => `s${i},${names.map(name => day[name]).join()}\n`).join('')).join('')}`,
);
const expected = (await answerOf([...byRepository, 'weather', jsonl, '--probabilities', 'top'])).trimEnd().split('\n');

interface Heads {
  rain: { label: string; probability: number };
  temp_max: { value: number; lower: number; upper: number };
}
/** The rows that a table of rain and temp_max has to hold, from the answers as JSON Lines. */
const rows = expected.map((line, i) => {
  const { length, heads } = JSON.parse(line) as { length: number; heads: Heads };
  const { rain, temp_max } = heads;
  return {
    sequence: `s${i}`,
    length,
    rain: rain.label,
    'rain.probability': rain.probability,
    temp_max: temp_max.value,
    'temp_max.lower': temp_max.lower,
    'temp_max.upper': temp_max.upper,
  };
});
const csvText = [Object.keys(rows[0]), ...rows.map(row => Object.values(row))].map(cells => `${cells.join()}\r\n`).join(''); // biome-ignore format: one line

describe('tables', () => {
  const heads = ['--heads', 'rain,temp_max'];

  it('CSV in, JSON Lines or CSV out: the same answers', async () => {
    const args = [...byRepository, 'weather', csv, '--probabilities', 'top'];
    assert.deepEqual((await answerOf(args)).trimEnd().split('\n'), expected);
    const out = fileNamed('out.csv');
    assert.equal(await answerOf([...byRepository, 'weather', csv, ...heads, '--out', out]), '');
    assert.equal(readFileSync(out, 'utf8'), csvText);
    assert.ok(!existsSync(`${out}.progress`));
  });

  it('Parquet in and out, a group of rows at a time', async () => {
    const source = fileNamed('many.parquet');
    const steps = many.flatMap((days, i) => days.map(day => ({ sequence: `s${i}`, ...day })));
    await parquetWriteRows({
      writer: fileWriter(source),
      rows: steps,
      columns: Object.keys(steps[0]).map(name => ({ name })),
      rowGroupSize: 500,
    });
    const out = fileNamed('out.parquet');
    await answerOf([...byRepository, 'weather', source, ...heads, '--out', out]);
    const file = await asyncBufferFromFile(out);
    assert.deepEqual(await parquetReadObjects({ file }), rows);
    assert.equal((await parquetMetadataAsync(file)).num_rows, 600n);
  });

  it('a row a step where a head answers every step; text and tokens by column', async () => {
    const texts = ['play the newest album by The Lantern Keepers', 'book a table, for two, in Bergen'];
    const sheet = fileWith('texts.csv', `text\n${texts.map(text => `"${text}"\n`).join('')}`);
    const each = (await answerOf([...byRepository, 'assistant', sheet])).trimEnd().split('\n');
    const together = await answerOf([...byRepository, 'assistant', '-'], {
      input: JSON.stringify({ sequences: texts }),
    });
    assert.deepEqual(each.map(line => JSON.parse(line)), JSON.parse(together).predictions); // biome-ignore format: one line
    const input = served.service.models.get('tagger').manifest.inputs[0];
    const tokens = fileWith('tokens.csv', `sequence,${input.name}\n1,Dogs\n1,bark\n2,Stop\n`);
    const out = fileNamed('tags.csv');
    await answerOf([...byRepository, 'tagger', tokens, '--heads', 'upos', '--out', out, '--probabilities', 'none']);
    const body = JSON.stringify({ sequences: [['Dogs', 'bark'], ['Stop']], heads: ['upos'], probabilities: 'none' });
    const answer = JSON.parse(await answerOf([...byRepository, 'tagger', '-'], { input: body }));
    const tags = answer.predictions.map((one: { heads: { upos: { steps: { label: string }[] } } }) => one.heads.upos.steps); // biome-ignore format: one line
    const lines = [['1', 0, tags[0][0].label], ['1', 1, tags[0][1].label], ['2', 0, tags[1][0].label]]; // biome-ignore format: one line
    assert.equal(readFileSync(out, 'utf8'), `${['sequence,step,upos', ...lines.map(line => line.join())].join('\r\n')}\r\n`); // biome-ignore format: one line
    assert.match(await faultOf([...byRepository, 'tagger', sheet]), /line 2: there is no column "/);
  });

  it('are not written over by their answers, whatever they are called', async () => {
    const text = readFileSync(csv, 'utf8');
    const link = fileNamed('link.csv');
    linkSync(csv, link);
    for (const out of [csv, link, path.join(folder, '.', path.basename(csv))]) {
      const { code, stderr } = await polyhead([...byRepository, 'weather', csv, '--out', out]);
      assert.equal(code, 2);
      assert.match(stderr, /^polyhead: --out is the file that is read: its sequences would be lost\n/);
      assert.equal(readFileSync(csv, 'utf8'), text);
    }
    const nowhere = path.join(folder, 'none', 'out.csv');
    assert.match(
      await faultOf([...byRepository, 'weather', csv, '--out', nowhere]),
      /out\.csv cannot be written \(ENOENT\)\n$/,
    );
  });

  it('tell what is wrong with a row, and what cannot be a table', async () => {
    const bad = readFileSync(csv, 'utf8').replace(/^s30,.*$/m, line => line.replace(/,sun,|,rain,/, ',hail,'));
    const { code, stdout, stderr } = await polyhead([...byRepository, 'weather', fileWith('bad.csv', bad)]);
    assert.equal(code, 1);
    assert.match(stderr, /^polyhead: line \d+: sequence\[0\]\[4\] is "hail", expected one of/);
    assert.equal(stdout.trimEnd().split('\n').length, 30);
    const cases: [string, string, RegExp][] = [
      ['weather', fileWith('lacks.csv', 'sequence,wind\n1,2\n'), /there is no column "precipitation"/],
      ['weather', fileWith('uneven.csv', 'sequence,wind\n1,2,3\n'), /not CSV: /],
      ['weather', fileWith('not.parquet', 'not parquet at all'), /is not Parquet/],
    ];
    for (const [model, file, message] of cases) assert.match(await faultOf([...byRepository, model, file]), message);
    assert.match(await faultOf([...byRepository, 'weather', csv, '--column', 'id']), /there is no column "id"/);
    const two = ['predict', FIXTURES, 'two-inputs', csv];
    assert.match(await faultOf(two), /tables are for models of one input/);
    const usage = await polyhead([...byRepository, 'weather', csv, '--resume']);
    assert.equal(usage.code, 2);
    assert.match(usage.stderr, /--resume needs --out/);
  });
});

describe('by a server', () => {
  it('the same lines, in order, and the same reply to a request', async () => {
    const lines = await answerOf([...byServer, 'weather', jsonl, '--probabilities', 'top'], withKey);
    assert.deepEqual(lines.trimEnd().split('\n'), expected);
    const body = JSON.stringify({ sequences: EXAMPLE, heads: ['rain'] });
    const [near, far] = await Promise.all([
      answerOf([...byRepository, 'weather', '-'], { input: body }),
      answerOf([...byServer, 'weather', '-'], { ...withKey, input: body }),
    ]);
    assert.equal(far, near);
  });

  it('a wrong sequence alone is refused, and all before it are answered', async () => {
    const lines = readFileSync(jsonl, 'utf8').split('\n');
    lines[40] = '[{"wind": -1}]';
    const file = fileWith('wrong.jsonl', lines.join('\n'));
    const { code, stdout, stderr } = await polyhead([...byServer, 'weather', file], withKey);
    assert.equal(code, 1);
    assert.match(stderr, /^polyhead: line 41: sequence\[0\] /);
    assert.equal(stdout.trimEnd().split('\n').length, 40);
  });

  it('says what it cannot do', async () => {
    assert.match(await faultOf([...byServer, 'weather', jsonl]), /send a valid API key/);
    assert.match(await faultOf([...byServer, 'none', jsonl], withKey), /no model/i);
    assert.match(await faultOf(['predict', '--url', 'http://127.0.0.1:9', 'weather', jsonl]), /cannot be reached/);
  });
});

describe('a run that was ended', () => {
  for (const name of ['resumed.csv', 'resumed.jsonl']) {
    it(`goes on where ${name} ended, and gives the same file`, { timeout: 300_000 }, async t => {
      const out = fileNamed(name);
      const heads = name.endsWith('csv') ? ['--heads', 'rain,temp_max'] : [];
      const args = [...byServer, 'weather', '-', '--format', 'jsonl', '--probabilities', 'top', ...heads, '--out', out];
      const child = spawn(process.execPath, [`${ROOT}dist/src/cli/polyhead.js`, ...args], {
        env: { PATH: process.env.PATH, POLYHEAD_API_KEYS: KEY },
      });
      t.after(() => child.kill('SIGKILL'));
      const ended = new Promise(resolve => child.once('close', resolve));
      const lines = readFileSync(jsonl, 'utf8').split('\n');
      child.stdin.write(`${lines.slice(0, 200).join('\n')}\n`);
      await until('the first answers are marked', () => existsSync(`${out}.progress`));
      child.kill('SIGKILL');
      await ended;
      const mark = JSON.parse(readFileSync(`${out}.progress`, 'utf8'));
      assert.ok(mark.sequences > 0 && statSync(out).size >= mark.bytes);
      const { code, stderr } = await polyhead([...args.slice(0, -2), '--out', out, '--resume'], {
        ...withKey,
        input: lines.join('\n'),
      });
      assert.deepEqual([code, stderr], [0, '']);
      const text = name.endsWith('csv')
        ? csvText.replace(/^s/gm, '').replace('equence', 'sequence')
        : `${expected.join('\n')}\n`;
      assert.equal(readFileSync(out, 'utf8'), text);
      assert.ok(!existsSync(`${out}.progress`));
      const again = await polyhead([...args, '--resume'], { ...withKey, input: '' });
      assert.match(again.stderr, /is whole: there is nothing to resume/);
    });
  }

  it('refuses to go on with answers to something else, or with too few of them', async () => {
    const out = fileNamed('other.jsonl');
    const wrong = fileWith('wrong2.jsonl', `${JSON.stringify(EXAMPLE[0])}\n{\n`);
    await polyhead([...byRepository, 'weather', wrong, '--out', out]);
    assert.equal(readFileSync(out, 'utf8').split('\n').length, 2);
    assert.match(
      await faultOf([...byRepository, 'weather', jsonl, '--out', out, '--resume']),
      /answers to something else/,
    );
    truncateSync(out, 10);
    assert.match(await faultOf([...byRepository, 'weather', wrong, '--out', out, '--resume']), /is shorter than/);
    const table = fileNamed('other.parquet');
    assert.match(await faultOf([...byRepository, 'weather', jsonl, '--out', table, '--resume']), /Parquet cannot be/);
  });
});
