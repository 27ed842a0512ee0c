// The command as a whole: help, wrong usage, serving, and what starts it from a clone.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { answerOf, faultOf, polyhead } from '../support/client/command.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';

const COMMANDS = ['inspect', 'check', 'certify', 'predict', 'reference', 'bench'];

describe('help', () => {
  it('lists the commands and then the settings of the server', async () => {
    const text = await answerOf(['--help']);
    const places = [...COMMANDS.map(name => `\n  ${name} `), '--print-config'].map(word => text.indexOf(word));
    assert.ok(
      places.every((place, i) => place > (places[i - 1] ?? 0)),
      `${places} in ${text}`,
    );
    assert.equal(await answerOf(['help']), text);
    assert.equal(await answerOf(['-h']), text);
  });

  it('tells of each command its usage and options', async () => {
    for (const name of COMMANDS) {
      const text = await answerOf([name, '--help']);
      assert.match(text, new RegExp(`^Usage: polyhead ${name} `));
      const [usage] = text.split('\n');
      for (const [option] of usage.matchAll(/--\w+/g))
        assert.ok(text.split(option).length > 2, `${option} is not told`);
    }
  });
});

describe('wrong usage', () => {
  const cases: [args: string[], expected: RegExp][] = [
    [['serve'], /there is no command "serve"\nUsage: polyhead \[inspect \|/],
    [['inspect'], /expected one argument, got none\nUsage: polyhead inspect FILE/],
    [['inspect', 'a', 'b'], /expected one argument, got 2\n/],
    [['check', '--json', 'models'], /Unknown option '--json'\nUsage: polyhead check DIR/],
    [['predict', 'models', 'weather'], /expected 3 arguments, got 2\n/],
    [['predict', 'a', 'b', 'c', '--probabilities', 'some'], /"some", expected all, top or none\n/],
    [['predict', 'a', 'b', 'c', '--version'], /--version.* argument missing\n/],
  ];
  for (const [args, expected] of cases) {
    it(`polyhead ${args.join(' ')}: exit code 2 and the usage`, async () => {
      assert.match(await faultOf(args, {}, 2), expected);
    });
  }

  it('tells mistakes in the settings, and does not mind an address that only a server needs', async () => {
    const { code, stderr } = await polyhead(['check', 'test/fixtures/models'], { env: { POLYHEAD_WORKERS: 'many' } });
    assert.equal(code, 1);
    assert.match(stderr, /^polyhead: the configuration is not valid:\n {2}POLYHEAD_WORKERS: /);
    await answerOf(['certify', 'test/fixtures/models/plain/1/model.onnx'], { env: { HOST: '0.0.0.0' } });
  });
});

describe('without a command', () => {
  it('serves', async t => {
    const { origin, stop } = await startProcess({ script: 'src/cli/polyhead.js' });
    t.after(stop);
    assert.equal((await fetch(`${origin}/readyz`)).status, 200);
  });

  it('passes flags on to the server', async () => {
    assert.match(await answerOf(['--print-config', '--port', '1234']), /^PORT=1234$/m);
    assert.match((await polyhead(['--prot', '1'])).stderr, /--prot: there is no such flag/);
  });
});

describe('from a clone', () => {
  const launcher = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')).bin.polyhead;

  it('the launcher is committed as a program, and starts the compiled command', () => {
    accessSync(`${ROOT}${launcher}`, constants.X_OK);
    const text = execFileSync(`${ROOT}${launcher}`, ['inspect', 'test/fixtures/models/lstm/1/model.onnx'], {
      cwd: ROOT,
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    });
    assert.match(text, /LSTM/);
  });

  it('one sentence says what to run before a build, and before an installation', () => {
    const clone = temporaryFolder();
    cpSync(`${ROOT}${launcher}`, path.join(clone, launcher));
    writeFileSync(path.join(clone, 'package.json'), '{"type": "module"}');
    const start = () =>
      spawnSync(process.execPath, [path.join(clone, launcher), 'check', 'models'], { encoding: 'utf8' });
    const fresh = start();
    assert.deepEqual([fresh.status, fresh.stdout], [1, '']);
    assert.match(fresh.stderr, /^polyhead: .* run "npm ci && npm run build" .*\n$/);
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(clone, 'node_modules'));
    assert.match(start().stderr, /^polyhead: .* run "npm run build" .*\n$/);
    mkdirSync(path.join(clone, 'dist/src/cli'), { recursive: true });
    writeFileSync(path.join(clone, 'dist/src/cli/polyhead.js'), 'console.log(process.argv.slice(2).join());');
    assert.deepEqual([start().stdout, start().stderr], ['check,models\n', '']);
  });
});
