// polyhead predict: answers for a JSON file, or for JSON Lines, CSV or Parquet of any number, with or without a server.
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import type { Config } from '../config.ts';
import { LoadError } from '../core/errors.ts';
import { type Detail, encodePrediction, encodePredictions } from '../http/codec/predictions.ts';
import { readKey } from '../http/keys.ts';
import { predictBody } from '../http/rest/schemas.ts';
import { parseJson } from '../model/files.ts';
import { listRepository } from '../model/repository.ts';
import { ModelLoader } from '../service/load.ts';
import { Metrics } from '../service/metrics.ts';
import type { Model } from '../service/model.ts';
import { predict } from '../service/predict.ts';
import { VERSION } from '../version.ts';
import { type Command, readArguments, readSettings, UsageError } from './command.ts';
import { type Asked, NOBODY_WAITS } from './predict/answer-all.ts';
import { type Answering, answerFile, type Files, formatOf } from './predict/files.ts';
import { Remote } from './predict/remote.ts';
import { STANDARD_OUTPUT } from './predict/sinks.ts';

/** Runs that could be filled with what is under way, for each worker: enough that length classes fill too. */
const RUNS_AHEAD = 4;

export const predictCommand: Command = {
  name: 'predict',
  usage: 'polyhead predict (DIR | --url URL) NAME FILE [--out FILE [--resume]] [--heads a,b] [more options]',
  summary: 'Answers for the sequences of a file, by a model of a repository or by a server.',
  details: [
    ['DIR', 'a model repository'],
    ['--url URL', 'a server, such as http://localhost:8080; its key is the first of POLYHEAD_API_KEYS'],
    ['NAME', 'the name of a model in it'],
    ['FILE', 'JSON: a request body {"sequences": [...]}, or one sequence; the answer is the REST reply'],
    ['', 'JSON Lines (*.jsonl): one sequence a line; one prediction a line comes out, in the same order'],
    ['', 'CSV or Parquet (*.csv, *.parquet): a time step a row, features by column'],
    ['', '-: standard input, as JSON unless --format says otherwise'],
    ['--column NAME', 'of a table: rows that follow one another with the same value here are one sequence; "sequence"'],
    [
      '--out FILE',
      'where answers go, as JSON Lines, CSV or Parquet by its name; by default JSON Lines to standard output',
    ],
    ['--resume', 'go on where an earlier run to the same FILE ended; not for Parquet'],
    ['--version N', 'a version of the model; the newest if left out'],
    [
      '--heads a,b',
      'only these heads; may be given several times, for names with a comma one by one: --heads=a --heads=b',
    ],
    ['--probabilities', 'all, top or none of each distribution; by default all, for heads per step and in tables top'],
    ['--format F', 'json, jsonl, csv or parquet, whatever FILE is called; --jsonl is --format jsonl'],
  ],
  run,
};

const OPTIONS = {
  url: { type: 'string' },
  version: { type: 'string' },
  heads: { type: 'string', multiple: true },
  probabilities: { type: 'string' },
  jsonl: { type: 'boolean' },
  format: { type: 'string' },
  column: { type: 'string' },
  out: { type: 'string' },
  resume: { type: 'boolean' },
} as const;

async function run(args: readonly string[]): Promise<void> {
  const remote = args.some(arg => arg === '--url' || arg.startsWith('--url='));
  const { values, positionals } = readArguments(predictCommand, args, remote ? 2 : 3, OPTIONS);
  const [name, file] = positionals.slice(-2);
  const { usage } = predictCommand;
  oneOf('--probabilities', values.probabilities, ['all', 'top', 'none']);
  oneOf('--format', values.format, ['json', 'jsonl', 'csv', 'parquet']);
  const format = values.jsonl ? 'jsonl' : (values.format ?? formatOf(file, 'json'));
  const { out, resume = false } = values;
  if (resume && !out) throw new UsageError('--resume needs --out: what was written to it tells where to go on', usage);
  if (out && format === 'json') throw new UsageError('--out is for JSON Lines, CSV and Parquet', usage);
  if (out && (await isSameFile(file, out)))
    throw new UsageError('--out is the file that is read: its sequences would be lost', usage);
  const config = readSettings();
  const body = format === 'json' ? await readBody(file) : undefined;
  const size = body || file === '-' ? undefined : (await statFile(file)).size;
  const of = JSON.stringify([name, values.version, path.resolve(file), size, values.heads, values.probabilities]);
  const files: Files = { file, format, size, column: values.column, out, resume, of };
  const { url, version } = values;
  const answerer = await (url === undefined
    ? byRepository(positionals[0], name, version, config)
    : byServer(url, name, version, config));
  try {
    const known = answerer.heads.map(head => head.name);
    const asked = {
      heads: headsOf(known, values.heads) ?? body?.heads,
      probabilities: (values.probabilities as Detail | undefined) ?? body?.probabilities,
    };
    if (body) await STANDARD_OUTPUT.write(`${await answerer.whole(body, asked)}\n`);
    else await answerFile(answerer, files, asked, config.maxBodyBytes);
  } finally {
    await answerer.close();
  }
}

function oneOf(option: string, value: string | undefined, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value)) return;
  const expected = `${allowed.slice(0, -1).join(', ')} or ${allowed.at(-1)}`;
  throw new UsageError(`${option} is "${value}", expected ${expected}`, predictCommand.usage);
}

/** Who answers sequences one by one, or a whole request. */
interface Answerer extends Answering {
  /** The REST reply. */
  whole(body: Body, asked: Asked): Promise<string>;
  close(): Promise<void>;
}

async function byRepository(
  repository: string,
  name: string,
  version: string | undefined,
  config: Config,
): Promise<Answerer> {
  const model = await load(repository, name, version, config);
  const { inputs, heads } = model.manifest;
  const at = { at: ['sequence'] };
  return {
    inputs,
    heads,
    most: RUNS_AHEAD * config.workers * model.limits.batchSize,
    answer: async ({ value }, { heads, probabilities }) =>
      encodePrediction(await predict(model, { sequences: [value], heads }, NOBODY_WAITS, at), probabilities),
    whole: async ({ sequences, bare }, { heads, probabilities }) =>
      encodePredictions(await predict(model, { sequences, heads }, NOBODY_WAITS, bare ? at : {}), probabilities),
    close: () => model.close(),
  };
}

async function byServer(url: string, name: string, version: string | undefined, config: Config): Promise<Answerer> {
  const remote = await Remote.open(url, name, version, config.apiKeys.map(text => readKey(text).secret)[0]);
  const { inputs, heads } = remote.description;
  return {
    inputs,
    heads,
    most: remote.most,
    answer: (item, asked) => remote.answer(item, asked),
    whole: ({ sequences }, asked) => remote.predict(sequences, asked),
    close: async () => {},
  };
}

interface Body extends Asked {
  readonly sequences: readonly unknown[];
  /** Whether the file holds one sequence instead of a request. */
  readonly bare: boolean;
}

/** @throws {LoadError} */
async function readBody(file: string): Promise<Body> {
  const content = file === '-' ? await text(process.stdin) : await statFile(file).then(() => readFile(file, 'utf8'));
  const where = file === '-' ? 'standard input' : file;
  const json = parseJson(content, where);
  const isBody = typeof json === 'object' && json !== null && !Array.isArray(json) && 'sequences' in json;
  if (!isBody) return { sequences: [json], bare: true };
  const parsed = predictBody(Number.MAX_SAFE_INTEGER).safeParse(json);
  if (parsed.success) return { ...parsed.data, bare: false };
  const [issue] = parsed.error.issues;
  throw new LoadError(where, `: ${[...issue.path, issue.message].join(': ')}`);
}

/** @throws {LoadError} unless the file is there and no folder. */
async function statFile(file: string): Promise<{ size: number }> {
  const found = await stat(file).catch(error => {
    throw LoadError.unreadable(file, error);
  });
  if (found.isDirectory()) throw new LoadError(file, 'is a folder');
  return { size: found.isFile() ? found.size : 0 };
}

/** Whether the two names lead to one plain file, by links too. */
async function isSameFile(file: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([file, other].map(name => stat(name).catch(() => undefined)));
  return a !== undefined && b !== undefined && a.isFile() && a.dev === b.dev && a.ino === b.ino;
}

/** Loads one version; no other is touched. @throws {LoadError} */
export async function load(
  repository: string,
  name: string,
  version: string | undefined,
  config: Config,
): Promise<Model> {
  const folders = await listRepository(repository);
  const versions = folders.filter(folder => folder.model === name);
  const folder = version === undefined ? versions.at(-1) : versions.find(found => found.version === version);
  if (!folder) {
    const known = [...new Set(versions.length > 0 ? versions.map(f => f.version) : folders.map(f => f.model))];
    const what = versions.length > 0 ? `version ${version} of "${name}"` : `model "${name}"`;
    throw new LoadError(`${repository} holds no ${what} (it holds ${known.join(', ').slice(0, 500) || 'nothing'})`);
  }
  const where = [name, folder.version].filter(Boolean).join('/');
  try {
    // One caller, who may ask for much at once: no limit of a shared server applies.
    const options = { ...config, queueCapacity: Number.MAX_SAFE_INTEGER, queueBytes: Number.MAX_SAFE_INTEGER };
    const loader = new ModelLoader(options, new Metrics(VERSION), pino({ level: 'silent' }));
    return await loader.load(folder).finally(() => loader.close());
  } catch (error) {
    throw error instanceof LoadError ? error.of(where) : error;
  }
}

/** The heads named on the command line. @throws {LoadError} if the model has none of such a name. */
function headsOf(known: readonly string[], given: readonly string[] | undefined): string[] | undefined {
  if (!given) return undefined;
  const names = given.flatMap(value => (known.includes(value) ? [value] : value.split(',')));
  const unknown = names.find(name => !known.includes(name));
  if (unknown === undefined) return [...new Set(names)];
  throw new LoadError(`--heads: "${unknown}" is no head of this model, expected ${known.join(', ').slice(0, 500)}`);
}
