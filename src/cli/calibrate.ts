// polyhead calibrate: from a file of sequences with known answers, what the manifest should say to make the answers honest.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config.ts';
import { LoadError } from '../core/errors.ts';
import { type Calibration, type Cases, casesOf, type Measures } from '../drift/labelled.ts';
import type { Model } from '../service/model.ts';
import { answerFile } from './answered.ts';
import { type Command, readArguments, readSettings, UsageError } from './command.ts';
import { load } from './predict.ts';
import { table } from './text.ts';

export const calibrateCommand: Command = {
  name: 'calibrate',
  usage:
    'polyhead calibrate DIR NAME FILE [--test FILE] [--binary temperature|isotonic] [--coverage 0.8] [--version N] [--write]',
  summary: 'Finds temperatures, isotonic maps and conformal margins on sequences with known answers.',
  details: [
    ['DIR', 'a model repository'],
    ['NAME', 'the name of a model in it'],
    [
      'FILE',
      'JSON Lines: {"sequence": …, "targets": {"head": label or number, …}}; per step an array; null: not known',
    ],
    ['', 'for a multilabel head an array of labels; data that the model was not trained on'],
    ['--test FILE', 'measure on these instead: what was fitted looks better on its own data than it is'],
    ['--binary', 'how heads with two labels are put right; temperature if left out'],
    ['--coverage C', 'share of cases that intervals are to hold; what the interval says if left out, else 0.9'],
    ['--version N', 'a version of the model; the newest if left out'],
    ['--write', 'write it into manifest.json; else it is printed'],
  ],
  run,
};

const DEFAULT_COVERAGE = 0.9;

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(calibrateCommand, args, 3, {
    test: { type: 'string' },
    binary: { type: 'string', default: 'temperature' },
    coverage: { type: 'string' },
    version: { type: 'string' },
    write: { type: 'boolean', default: false },
  });
  const [repository, name, file] = positionals;
  const { binary } = values;
  if (binary !== 'temperature' && binary !== 'isotonic') throw usage('--binary is temperature or isotonic');
  const coverage = values.coverage === undefined ? undefined : Number(values.coverage);
  if (coverage !== undefined && !(coverage > 0 && coverage < 1)) throw usage('--coverage is between 0 and 1');
  const config = readSettings();
  const model = await load(repository, name, values.version, config);
  try {
    const cases = await readCases(model, file, config);
    const found = new Map(cases.map(of => [of.spec.name, of.fit({ binary, coverage: coverage ?? coverageOf(of) })]));
    const measured = values.test === undefined ? cases : await readCases(model, values.test, config);
    console.log(reportOf(measured, found).join('\n'));
    if (values.write) await writeInto(path.join(model.folder, 'manifest.json'), found);
    else console.log(`\n${JSON.stringify(Object.fromEntries(found), null, 2)}`);
  } finally {
    await model.close();
  }
}

const usage = (text: string) => new UsageError(text, calibrateCommand.usage);

function coverageOf({ spec }: Cases): number {
  return (spec.kind === 'regression' && spec.interval?.coverage) || DEFAULT_COVERAGE;
}

/** The heads with known answers in the file, each with its cases. */
async function readCases(model: Model, file: string, config: Config): Promise<Cases[]> {
  const all = new Map<string, Cases | undefined>(
    model.signature.heads.map(head => [head.spec.name, casesOf(head)] as const),
  );
  await answerFile(
    model,
    file,
    config,
    line => (line as { sequence?: unknown } | null)?.sequence,
    (row, line) => {
      for (const [name, target] of Object.entries((line as { targets?: object }).targets ?? {})) {
        if (!all.has(name)) throw new LoadError(`"${name}" is no head of this model`);
        const cases = all.get(name);
        if (!cases) throw new LoadError(`"${name}" is of a kind that is not calibrated`);
        if (target !== null) cases.add(row, target);
      }
    },
  );
  const known = [...all.values()].filter(cases => cases !== undefined && cases.count > 0) as Cases[];
  if (known.length === 0) throw new LoadError(file, 'holds no targets');
  return known;
}

/** Each measure of each head, as the graph answers and put right. */
function reportOf(cases: readonly Cases[], found: ReadonlyMap<string, Calibration>): string[] {
  const rows = cases.flatMap(of => {
    const before: Measures = of.measure();
    const after = of.measure(found.get(of.spec.name));
    return Object.keys(before).map(measure => [
      of.spec.name,
      `${of.count}`,
      measure,
      before[measure].toFixed(4),
      after[measure].toFixed(4),
    ]);
  });
  return table([['head', 'cases', 'measure', 'as it is', 'put right'], ...rows], { right: [1, 3, 4] });
}

async function writeInto(file: string, found: ReadonlyMap<string, Calibration>): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new LoadError(
      error.code === 'ENOENT' ? 'a model without a manifest.json cannot be put right' : error.message,
    );
  });
  const manifest = JSON.parse(text) as { heads: { name: string }[] };
  for (const head of manifest.heads) Object.assign(head, found.get(head.name));
  await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`);
  console.log(`\nwritten: ${file}`);
}
