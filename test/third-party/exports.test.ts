// The complete exports of docs/own-model.md, run as printed: each graph is served without a manifest, by the golden answers
// that its own program wrote. Gigabytes of packages are installed only where EXPORTS_HEAVY is set.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { ROOT, startApp } from '../support/server/service.ts';
import { orReason, pythonWith } from './packages.ts';

const run = promisify(execFile);
const GUIDE = readFileSync(`${ROOT}docs/own-model.md`, 'utf8');

interface Framework {
  readonly packages: readonly string[];
  readonly heavy?: true;
  /** What each program writes, and what its graph may share a run with. */
  readonly programs: Readonly<Record<string, { readonly model: string; readonly mixing: string }>>;
}

const FRAMEWORKS: Record<string, Framework> = {
  'scikit-learn': {
    packages: ['scikit-learn==1.9.1', 'skl2onnx==1.20.0'],
    programs: { 'sklearn_export.py': { model: 'sklearn', mixing: 'equal' } },
  },
  JAX: {
    packages: ['jax==0.10.2', 'jaxlib==0.10.2', 'jax2onnx==0.17.1', 'onnx==1.23.2', 'numpy==2.4.6'],
    programs: { 'jax_export.py': { model: 'jax', mixing: 'equal' } },
  },
  Keras: {
    packages: ['keras==3.15.1', 'tensorflow-cpu==2.21.0', 'tf2onnx==1.17.0', 'onnx==1.23.2', 'protobuf==7.36.2'],
    heavy: true,
    programs: { 'keras_export.py': { model: 'keras', mixing: 'classes' } },
  },
  PyTorch: {
    packages: ['torch==2.15.0', 'onnx==1.23.2', 'onnxscript==0.7.2', 'numpy==2.4.6'],
    heavy: true,
    programs: {
      'torch_legacy.py': { model: 'torch-legacy', mixing: 'classes' },
      'torch_dynamo.py': { model: 'torch-dynamo', mixing: 'classes' },
    },
  },
};

/** The program that the guide prints under this name. */
function programOf(name: string): string {
  const program = GUIDE.match(new RegExp(`^\`\`\`python\\n# ${name.replace('.', '\\.')}\\n(.*?)^\`\`\``, 'ms'));
  assert.ok(program, `${name} is not printed`);
  return program[1];
}

it('every program of the guide is run', () => {
  const printed = [...GUIDE.matchAll(/^```python\n# (\w+\.py)\n/gm)].map(([, name]) => name);
  const known = Object.values(FRAMEWORKS).flatMap(({ programs }) => Object.keys(programs));
  assert.deepEqual(printed.sort(), ['golden.py', ...known].sort());
});

for (const [name, { packages, heavy, programs }] of Object.entries(FRAMEWORKS)) {
  const folder = temporaryFolder();
  const obtained =
    heavy && !process.env.EXPORTS_HEAVY
      ? { reason: `${name} brings gigabytes, which are fetched where EXPORTS_HEAVY is set` }
      : await orReason(name, async () => ({ python: await pythonWith(folder, [...packages]) }));
  const skip = 'reason' in obtained ? obtained.reason : false;
  if (skip) console.log(`exports are not tested: ${skip}`);

  describe(name, { skip }, () => {
    it('its exports are served, with their own golden answers', async () => {
      const { python } = obtained as { python: string };
      const home = path.join(folder, 'exports');
      mkdirSync(home);
      for (const file of ['golden.py', ...Object.keys(programs)]) writeFileSync(path.join(home, file), programOf(file));
      for (const file of Object.keys(programs)) await run(python, [file], { cwd: home, maxBuffer: 1 << 26 });
      const repository = path.join(home, 'models');
      assert.deepEqual(
        readdirSync(repository).sort(),
        Object.values(programs)
          .map(({ model }) => model)
          .sort(),
      );
      const app = await startApp({
        POLYHEAD_MODEL_REPOSITORY: repository,
        POLYHEAD_WORKERS: '1',
        POLYHEAD_LOAD_TIMEOUT_MS: '3600000',
      });
      try {
        for (const { model, mixing } of Object.values(programs)) {
          const loaded = app.service.models.get(model);
          assert.equal(loaded.golden?.cases, 3, model);
          assert.equal(loaded.mixing, mixing, model);
          console.log(`${model}: ${loaded.golden.producer}, off by ${loaded.golden.worstDifference.toExponential(1)}`);
        }
      } finally {
        await app.close();
      }
    });
  });
}
