// What Triton's config.pbtxt says that a graph does not: which versions serve, what its sequence batcher fills in, which
// outputs are state, what an output's classes are called. What else it says, the graph says too, or experiments find out.
import path from 'node:path';
import { LoadError } from '../core/errors.ts';
import { readText, readTextIfThere } from './files.ts';
import { messagesOf, parseTextProto, type TextMessage, textsOf } from './text-proto.ts';

const FILE = 'config.pbtxt';

/** Of a model without a manifest: what is declared and need not be found out. */
export interface Declared {
  readonly controls: readonly { readonly input: string; readonly kind: string; readonly values?: readonly number[] }[];
  readonly state: readonly { readonly input: string; readonly output: string }[];
  /** Names of the classes of an output, by the output. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** Most sequences in one run. */
  readonly batchSize?: number;
}

export type TritonVersions = 'all' | { latest: number } | { specific: number[] };

const KINDS: Readonly<Record<string, string>> = {
  CONTROL_SEQUENCE_START: 'start',
  CONTROL_SEQUENCE_END: 'end',
  CONTROL_SEQUENCE_READY: 'ready',
  CONTROL_SEQUENCE_CORRID: 'id',
};
const TRUE = new Set(['true', 'True', 't', '1']);

/** A model's configuration, if it has one. @throws {LoadError} */
async function readConfig(folder: string): Promise<TextMessage | undefined> {
  const text = await readTextIfThere(path.join(folder, FILE));
  return text === undefined ? undefined : parseTextProto(text, FILE);
}

/** The version policy; Triton's own default is the newest version. @throws {LoadError} */
export async function tritonVersions(folder: string): Promise<TritonVersions | undefined> {
  const config = await readConfig(folder);
  if (!config) return undefined;
  const [policy] = messagesOf(config, 'version_policy');
  if (!policy) return { latest: 1 };
  if (messagesOf(policy, 'all').length > 0) return 'all';
  const [latest] = messagesOf(policy, 'latest');
  if (latest) return { latest: Number(textsOf(latest, 'num_versions')[0] ?? 1) };
  const specific = textsOf(messagesOf(policy, 'specific')[0], 'versions').map(Number);
  if (specific.length > 0) return { specific };
  throw new LoadError(FILE, ': version_policy is none of all, latest, specific');
}

/** What the configuration in a model's folder declares of its graph. @throws {LoadError} */
export async function readDeclared(folder: string): Promise<Declared | undefined> {
  const config = await readConfig(folder);
  if (!config) return undefined;
  const [batching] = messagesOf(config, 'sequence_batching');
  const batchSize = Number(textsOf(config, 'max_batch_size')[0] ?? 0);
  const labels: Record<string, string[]> = {};
  for (const output of messagesOf(config, 'output')) {
    const [file] = textsOf(output, 'label_filename');
    if (!file) continue;
    if (path.basename(file) !== file) throw new LoadError(FILE, `: label_filename "${file}" is not a plain file name`);
    const lines = (await readText(path.join(folder, file))).replace(/\s+$/, '').split(/\r?\n/);
    labels[required(output, 'name', 'an output')] = lines.map(line => line.trim());
  }
  return {
    controls: messagesOf(batching, 'control_input').flatMap(controlsOf),
    state: messagesOf(batching, 'state').map(state => ({
      input: required(state, 'input_name', 'a state'),
      output: required(state, 'output_name', 'a state'),
    })),
    labels,
    ...(batchSize > 0 ? { batchSize } : {}),
  };
}

function controlsOf(message: TextMessage): Declared['controls'][number][] {
  const input = required(message, 'name', 'a control_input');
  return messagesOf(message, 'control').map(control => {
    const given = required(control, 'kind', `control_input "${input}"`);
    const kind = KINDS[given];
    if (kind === undefined) throw new LoadError(FILE, `: control_input "${input}" is of unknown kind ${given}`);
    if (kind === 'id') return { input, kind };
    const flags = textsOf(control, 'bool_false_true').map(text => Number(TRUE.has(text)));
    const numbers = [...textsOf(control, 'int32_false_true'), ...textsOf(control, 'fp32_false_true')].map(Number);
    const values = [...numbers, ...flags];
    if (values.length !== 2 || values.some(Number.isNaN)) {
      throw new LoadError(FILE, `: control_input "${input}" needs two values, for false and for true`);
    }
    return { input, kind, values };
  });
}

function required(message: TextMessage, field: string, of: string): string {
  const [value] = textsOf(message, field);
  if (!value) throw new LoadError(FILE, `: ${of} has no ${field}`);
  return value;
}
