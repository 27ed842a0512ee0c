// polyhead predict: one-off answers without a server, for a JSON file or for JSON Lines of any number.
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import type { Config } from '../config.ts';
import { LoadError, messageOf } from '../core/errors.ts';
import { type Detail, encodePredictions } from '../http/rest/encode.ts';
import { predictBody } from '../http/rest/schemas.ts';
import { listRepository } from '../model/repository.ts';
import { type LoadedModel, loadModel } from '../service/loaded-model.ts';
import { Metrics } from '../service/metrics.ts';
import { predict } from '../service/predictor.ts';
import { VERSION } from '../version.ts';
import { type Command, readArguments, readSettings, UsageError } from './command.ts';
import { type Asked, predictLines, TIMEOUT_MS, write } from './predict-lines.ts';

export const predictCommand: Command = {
  name: 'predict',
  usage: 'polyhead predict DIR NAME FILE [--version N] [--heads a,b] [--probabilities all|top|none] [--jsonl]',
  summary: 'Answers for the sequences of a file, without a server.',
  details: [
    ['DIR', 'a model repository'],
    ['NAME', 'the name of a model in it'],
    ['FILE', 'JSON: a request body {"sequences": [...]}, or one sequence; the answer is the REST reply'],
    ['', 'JSON Lines (*.jsonl): one sequence a line; one prediction a line comes out, in the same order'],
    ['', '-: standard input, as JSON unless --jsonl says otherwise'],
    ['--version N', 'a version of the model; the newest if left out'],
    [
      '--heads a,b',
      'only these heads; may be given several times, for names with a comma one by one: --heads=a --heads=b',
    ],
    ['--probabilities', 'how much of each distribution to tell; by default all, and for heads per step the top one'],
    ['--jsonl', 'FILE is JSON Lines whatever it is called'],
  ],
  run,
};

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(predictCommand, args, 3, {
    version: { type: 'string' },
    heads: { type: 'string', multiple: true },
    probabilities: { type: 'string' },
    jsonl: { type: 'boolean' },
  });
  const [repository, name, file] = positionals;
  const { probabilities } = values;
  if (probabilities !== undefined && !['all', 'top', 'none'].includes(probabilities)) {
    throw new UsageError(`--probabilities is "${probabilities}", expected all, top or none`, predictCommand.usage);
  }
  const config = readSettings();
  const lines = values.jsonl || file.endsWith('.jsonl');
  const body = lines ? undefined : await readBody(file);
  const size = lines && file !== '-' ? (await statFile(file)).size : undefined;

  const model = await load(repository, name, values.version, config);
  try {
    const asked: Asked = {
      heads: headsOf(model, values.heads) ?? body?.heads,
      probabilities: (probabilities as Detail | undefined) ?? body?.probabilities,
    };
    if (body) {
      const { done } = predict(model, { sequences: body.sequences, heads: asked.heads, timeoutMs: TIMEOUT_MS });
      await write(process.stdout, `${encodePredictions(model, await done, asked.probabilities)}\n`);
    } else {
      const source = file === '-' ? process.stdin : createReadStream(file);
      await predictLines(model, source, size, asked, config);
    }
  } catch (error) {
    throw body?.bare ? rename(error) : error;
  } finally {
    await model.close();
  }
}

/** A lone sequence was not sent as sequences[0]. */
function rename(error: unknown): unknown {
  if (error instanceof Error) error.message = error.message.replace(/^sequences\[0\]/, 'sequence');
  return error;
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
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    throw new LoadError(`${where} is not JSON: ${messageOf(error).replace(/\s+/g, ' ')}`);
  }
  const isBody = typeof json === 'object' && json !== null && !Array.isArray(json) && 'sequences' in json;
  if (!isBody) return { sequences: [json], bare: true };
  const parsed = predictBody(Number.MAX_SAFE_INTEGER).safeParse(json);
  if (parsed.success) return { ...parsed.data, bare: false };
  const [issue] = parsed.error.issues;
  throw new LoadError(`${where}: ${[...issue.path, issue.message].join(': ')}`);
}

/** @throws {LoadError} unless the file is there and no folder. */
async function statFile(file: string): Promise<{ size: number }> {
  const found = await stat(file).catch(error => {
    throw new LoadError(error.code === 'ENOENT' ? `${file} is missing` : `${file} cannot be read (${error.code})`);
  });
  if (found.isDirectory()) throw new LoadError(`${file} is a folder`);
  return { size: found.isFile() ? found.size : 0 };
}

/** Loads one version; no other is touched. @throws {LoadError} */
async function load(
  repository: string,
  name: string,
  version: string | undefined,
  config: Config,
): Promise<LoadedModel> {
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
    if (folder.fault) throw new LoadError(folder.fault);
    // One caller, who may ask for much at once: no limit of a shared server applies.
    const options = { ...config, queueCapacity: Number.MAX_SAFE_INTEGER, queueBytes: Number.MAX_SAFE_INTEGER };
    return await loadModel(folder, options, new Metrics(VERSION), pino({ level: 'silent' }));
  } catch (error) {
    throw error instanceof LoadError ? new LoadError(`${where}: ${error.message.replace(/\s+/g, ' ')}`) : error;
  }
}

/** The heads named on the command line. @throws {LoadError} if the model has none of such a name. */
function headsOf({ manifest }: LoadedModel, given: readonly string[] | undefined): string[] | undefined {
  if (!given) return undefined;
  const known = manifest.heads.map(head => head.name);
  const names = given.flatMap(value => (known.includes(value) ? [value] : value.split(',')));
  const unknown = names.find(name => !known.includes(name));
  if (unknown === undefined) return [...new Set(names)];
  throw new LoadError(`--heads: "${unknown}" is no head of this model, expected ${known.join(', ').slice(0, 500)}`);
}
