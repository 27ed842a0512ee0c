// polyhead predict: the same JSON as REST, for a request, one sequence, and JSON Lines of any number in their order.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { answerOf, faultOf, polyhead } from '../support/client/command.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { FIXTURES, ROOT, startApp } from '../support/server/service.ts';

const folder = temporaryFolder();
const served = await startApp({
  POLYHEAD_EXECUTION_PROVIDER: 'cpu',
  POLYHEAD_WORKERS: '1',
  POLYHEAD_CERTIFICATE_CACHE: 'false',
});
after(() => served.close());

async function rest(model: string, payload: object): Promise<string> {
  const reply = await served.app.inject({ method: 'POST', url: `/v1/models/${model}/predict`, payload });
  assert.equal(reply.statusCode, 200, reply.body);
  return reply.body;
}

function fileWith(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

const exampleOf = (model: string): { sequences: unknown[] } =>
  JSON.parse(readFileSync(path.join(FIXTURES, model, '1/example.json'), 'utf8'));
const predictionsOf = (reply: string): object[] => JSON.parse(reply).predictions;

describe('JSON', () => {
  it('answers a request as REST does, byte for byte', async () => {
    for (const model of ['lstm', 'steps', 'tokens', 'two-inputs', 'masked']) {
      const example = exampleOf(model);
      const file = path.join(FIXTURES, model, '1/example.json');
      const version = model === 'lstm' ? ['--version', '1'] : [];
      const answer = await answerOf(['predict', FIXTURES, model, file, ...version]);
      const url = model === 'lstm' ? 'lstm/versions/1' : model;
      assert.equal(answer, `${await rest(url, example)}\n`, model);
    }
  });

  it('takes one sequence, from a file and from standard input; the newest version unless one is named', async () => {
    const [sequence] = exampleOf('lstm').sequences;
    const expected = `${await rest('lstm', { sequences: [sequence] })}\n`;
    const input = JSON.stringify(sequence);
    assert.equal(await answerOf(['predict', FIXTURES, 'lstm', fileWith('one.json', input)]), expected);
    assert.equal(await answerOf(['predict', FIXTURES, 'lstm', '-'], { input }), expected);
    assert.equal(JSON.parse(expected).version, '2');
  });

  it('hears heads and probabilities, in the body and as options, which win', async () => {
    const { sequences } = exampleOf('lstm');
    const [first, second] = served.service.models.get('lstm').manifest.heads.map(head => head.name);
    const input = JSON.stringify({ sequences, heads: [first], probabilities: 'none' });
    const ask = (...options: string[]) => answerOf(['predict', FIXTURES, 'lstm', '-', ...options], { input });
    assert.equal(await ask(), `${await rest('lstm', JSON.parse(input))}\n`);
    const wanted = { sequences, heads: [second, first], probabilities: 'top' };
    const expected = `${await rest('lstm', wanted)}\n`;
    assert.equal(await ask('--heads', `${second},${first}`, '--probabilities', 'top'), expected);
    assert.equal(await ask('--heads', second, '--heads', first, '--probabilities', 'top'), expected);
  });
});

describe('JSON Lines', () => {
  const random = (() => {
    let state = 1;
    return () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
  })();
  const sequences = Array.from({ length: 1500 }, () =>
    Array.from({ length: 1 + Math.floor(30 * random()) }, () => Array.from({ length: 3 }, () => 2 * random() - 1)),
  );
  const lines = sequences.map(sequence => `${JSON.stringify(sequence)}\n`);

  it('one prediction a line, in order, each what REST says; blank lines and a missing last newline do not matter', async () => {
    const file = fileWith('many.jsonl', `\n${lines.join('')}`.trimEnd().replace('\n', '\r\n\n'));
    const answers = (await answerOf(['predict', FIXTURES, 'lstm', file])).trimEnd().split('\n');
    assert.equal(answers.length, sequences.length);
    for (let start = 0; start < sequences.length; start += 500) {
      const expected = predictionsOf(await rest('lstm', { sequences: sequences.slice(start, start + 500) }));
      expected.forEach((prediction, i) => {
        assert.equal(answers[start + i], JSON.stringify(prediction), `line ${start + i}`);
      });
    }
  });

  it('stops at the first line that is wrong, names it, and has written all before it', async () => {
    const cases: [string, RegExp][] = [
      ['{oops\n', /^polyhead: line 41: not JSON: .*\n$/],
      ['[[1, 2]]\n', /^polyhead: line 41: sequence\[0\] has 2 features, expected 3\n$/],
      ['[[1, 2, "x"]]\n', /^polyhead: line 41: sequence\[0\]\[2\] is "x", expected a number.*\n$/],
    ];
    for (const [wrong, expected] of cases) {
      const file = fileWith('wrong.jsonl', [...lines.slice(0, 40), wrong, ...lines.slice(40)].join(''));
      const { code, stdout, stderr } = await polyhead(['predict', FIXTURES, 'lstm', file]);
      assert.equal(code, 1);
      assert.match(stderr, expected);
      assert.equal(stdout.trimEnd().split('\n').length, 40);
    }
  });

  it('answers a line at once, though standard input stays open; and a wrong one ends it', async t => {
    const args = ['predict', FIXTURES, 'lstm', '-', '--jsonl'];
    const child = spawn(process.execPath, [`${ROOT}dist/src/cli/polyhead.js`, ...args], {
      env: { PATH: process.env.PATH, POLYHEAD_CERTIFICATE_CACHE: 'false', POLYHEAD_EXECUTION_PROVIDER: 'cpu' },
    });
    t.after(() => child.kill('SIGKILL'));
    const [first] = predictionsOf(await rest('lstm', { sequences: [sequences[0]] }));
    const ended = once(child, 'close');
    child.stdin.write(lines[0]);
    const [chunk] = await once(child.stdout, 'data');
    assert.equal(String(chunk), `${JSON.stringify(first)}\n`);
    child.stdin.write('{oops\n');
    assert.deepEqual(await ended, [1, null]);
  });

  it('ends without a word if nobody reads on', async t => {
    const file = fileWith('much.jsonl', lines.join('').repeat(4));
    const child = spawn(process.execPath, [`${ROOT}dist/src/cli/polyhead.js`, 'predict', FIXTURES, 'lstm', file], {
      env: { PATH: process.env.PATH, POLYHEAD_CERTIFICATE_CACHE: 'false', POLYHEAD_EXECUTION_PROVIDER: 'cpu' },
    });
    t.after(() => child.kill('SIGKILL'));
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    assert.deepEqual([...(await once(child, 'close')), stderr], [1, null, '']);
  });
});

describe('what cannot be answered is told in a sentence', () => {
  const example = path.join(FIXTURES, 'lstm/1/example.json');
  const cases: [args: string[], expected: RegExp, input?: string][] = [
    [['none', 'lstm', example], /model repository "none" cannot be read \(ENOENT\)/],
    [[FIXTURES, 'none', example], /holds no model "none" \(it holds .*lstm, .*tokens/],
    [[FIXTURES, 'lstm', example, '--version', '7'], /holds no version 7 of "lstm" \(it holds 1, 2\)/],
    [['test/fixtures/broken', 'nan-weight', example], /nan-weight\/1: model\.onnx: weight ".*" holds NaN/],
    [[FIXTURES, 'lstm', 'none.json'], /none\.json is missing/],
    [[FIXTURES, 'lstm', 'none.jsonl'], /none\.jsonl is missing/],
    [[FIXTURES, 'lstm', 'src'], /src is a folder/],
    [[FIXTURES, 'lstm', example, '--heads', 'none'], /--heads: "none" is no head of this model, expected /],
    [[FIXTURES, 'lstm', '-'], /standard input is not JSON: /, '{'],
    [[FIXTURES, 'lstm', '-'], /sequence\[1\] has 2 features, expected 3/, '[[1, 2, 3], [1, 2]]'],
    [[FIXTURES, 'lstm', '-'], /sequences\[0\]\[0\] has 1 features, expected 3/, '{"sequences": [[[1]]]}'],
    [[FIXTURES, 'lstm', '-'], /standard input: sequences: /, '{"sequences": []}'],
    [[FIXTURES, 'lstm', '-'], /standard input: .*"head"/, '{"sequences": [[[1, 2, 3]]], "head": "a"}'],
  ];
  for (const [args, expected, input] of cases) {
    it(`predict ${args.map(arg => path.basename(arg)).join(' ')}${input === undefined ? '' : ` < ${input}`}`, async () => {
      assert.match(await faultOf(['predict', ...args], { input }), expected);
    });
  }
});
