// polyhead certify: the certificate of one file, for people and for programs.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { certificateSchema } from '../../src/proof/certificate.ts';
import { EXPORTERS, readCatalogue } from '../../tools/exporters-matrix.ts';
import { answerOf, faultOf, polyhead } from '../support/client/command.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { FIXTURES } from '../support/server/service.ts';

const fileOf = (name: string) => path.join(EXPORTERS, name, '1/model.onnx');
const certify = async (file: string) => JSON.parse(await answerOf(['certify', file, '--json']));

it('--json is the certificate, and says what the maker of the graph knows', async () => {
  for (const name of ['tl-packed', 'tl-timemajor', 'kt-masking', 'tl-nobatch', 'td-gather']) {
    const { truth } = readCatalogue().find(entry => entry.name === name) ?? assert.fail(name);
    const { certificate, manifest, golden } = await certify(fileOf(name));
    certificateSchema.parse(certificate);
    assert.equal(certificate.rows === 'alone', truth.rows === 'alone', name); // the last bits are the processor's
    assert.equal(certificate.lengths, truth.lengths, name);
    assert.deepEqual(certificate.axes, truth.axes, name);
    assert.match(manifest, /^none; /);
    assert.match(golden, /hold: \S+ at worst, tolerance 1e-5$/);
  }
});

it('tells in words what may share a run, state and heads apart, and what was tried', async () => {
  const text = await answerOf(['certify', fileOf('td-gather')]);
  const [heads, state] = text.split('\nState\n');
  assert.match(heads, /^ {2}mixing +classes {2}sequences of near lengths share a run, padded to the longest$/m);
  assert.match(state, /^ {2}mixing +equal +only sequences of equal length share a run$/m);
  assert.match(state, /^ {2}calls +exact +two calls with the state between them give what one call gives/m);
  assert.match(text, /^ {2}tried +\d+ sequences in \d+ batches, [\d,]+ ms$/m);
  assert.match(state, /^ {2}h0 +input \(state\) +float32 +\[1, s15, 5\] +batch axis 1, no time axis$/m);
});

it('shows the counter-example, warnings and side inputs where there are any', async () => {
  const batchStatistics = await answerOf(['certify', fileOf('tl-batchstat')]);
  assert.match(batchStatistics, /\nCounter-example\n {2}output "level" of a sequence of \d+ steps, .* moves by \d/);
  assert.match(batchStatistics, /\nWarnings\n {2}every sequence runs alone: /);
  assert.match(await answerOf(['certify', fileOf('tl-samples')]), /\nSide inputs\n {2}sr {2}changes the answers; /);
  assert.doesNotMatch(await answerOf(['certify', fileOf('tl-packed')]), /Counter-example|Warnings|Side inputs/);
});

it('uses the manifest beside the file, also for a graph of another name', async () => {
  const folder = temporaryFolder();
  cpSync(path.join(FIXTURES, 'lstm/1'), folder, { recursive: true });
  assert.match(await answerOf(['certify', path.join(folder, 'model.onnx')]), /manifest +manifest\.json beside it\n/);
  cpSync(fileOf('tl-lstm'), path.join(folder, 'other.onnx'));
  assert.match(
    await faultOf(['certify', path.join(folder, 'other.onnx')]),
    /other\.onnx: manifest and graph disagree: input ".*": /,
  );
  cpSync(path.join(folder, 'model.onnx'), path.join(folder, 'other.onnx'));
  const manifest = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8'));
  manifest.graph.sha256 = '0'.repeat(64);
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  assert.match(
    await answerOf(['certify', path.join(folder, 'other.onnx')]),
    /manifest +manifest\.json beside it, written for model\.onnx\n/,
  );
  writeFileSync(path.join(folder, 'manifest.json'), '{"formatVersion": 2}');
  assert.match(await faultOf(['certify', path.join(folder, 'other.onnx')]), /manifest\.json: formatVersion/);
});

it('takes a file of any name that stands alone, and tells golden answers that do not hold', async () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'any name.onnx');
  cpSync(fileOf('tl-lstm'), file);
  assert.equal((await certify(file)).golden, null);
  const golden = JSON.parse(readFileSync(path.join(EXPORTERS, 'tl-lstm/1/golden.json'), 'utf8'));
  for (const { outputs } of golden.cases) for (const name of Object.keys(outputs)) outputs[name][0] += 1;
  writeFileSync(path.join(folder, 'golden.json'), JSON.stringify(golden));
  const { code, stdout } = await polyhead(['certify', file, '--json']);
  assert.equal(code, 1, 'the server would refuse it');
  const wrong = JSON.parse(stdout);
  assert.deepEqual(wrong.refusals, [wrong.golden.replace('does not hold: ', '')]);
  assert.match(wrong.golden, /^does not hold: golden\.json case 0: output "\w+" is off by/);
  assert.equal(wrong.certificate.rows, 'exact');
  rmSync(file);
  assert.match(await faultOf(['certify', file]), /any name\.onnx is missing/);
});

it('refuses what the server refuses, and shows the certificate all the same', async () => {
  const folder = temporaryFolder();
  cpSync(fileOf('tl-lstm'), path.join(folder, 'model.onnx'));
  const manifest = {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', kind: 'tensor' }],
    heads: [{ name: 'level', tensor: 'level', kind: 'tensor' }],
    limits: { mixing: 'classes' },
  };
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  const { code, stdout } = await polyhead(['certify', path.join(folder, 'model.onnx')]);
  assert.equal(code, 1);
  assert.match(stdout, /^ {2}mixing +equal /m);
  assert.match(stdout, /\nRefused\n {2}manifest\.json: limits\.mixing says "classes", the graph allows "equal": /);
});

it('tells of a batch that is baked in what to do about it', async () => {
  const { code, stdout } = await polyhead([
    'certify',
    path.join(EXPORTERS, '../exporters-broken/baked-batch/1/model.onnx'),
  ]);
  assert.equal(code, 0);
  assert.match(stdout, /^ {2}mixing +alone /m);
  assert.match(stdout, /the batch of input "x" is fixed to 1 \(shape \[1, .*\]\); export it with a dynamic batch axis/);
});

it('names the file that cannot be certified', async () => {
  const broken = path.join(EXPORTERS, '../exporters-broken');
  const cases = { 'inf-weight': /holds Infinity/, 'unknown-domain': /com\.example/ };
  for (const [name, expected] of Object.entries(cases)) {
    const fault = await faultOf(['certify', path.join(broken, name, '1/model.onnx')]);
    assert.match(fault, expected);
    assert.ok(fault.includes(`${name}/1/model.onnx: `), fault);
  }
});
