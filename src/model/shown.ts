// What the files beside a graph without a manifest show of its inputs: values that it takes, and sizes.
import path from 'node:path';
import { own } from '../core/own.ts';
import { readTextIfThere } from './files.ts';
import type { Graph } from './onnx/graph.ts';

type Scalar = number | string | boolean;
export interface Shown {
  /** The graph input. */
  readonly input: string;
  readonly values: readonly Scalar[];
  /** The shape of its tensor, where that is told. */
  readonly dims?: readonly number[];
}

/** Values that are kept of an input. */
const MOST_VALUES = 256;

/** By golden.json and example.json. What in them cannot be read is for others to refuse. */
export async function readShown(folder: string, { inputs }: Pick<Graph, 'inputs'>): Promise<Shown[]> {
  const golden = object(await jsonIn(folder, 'golden.json'));
  const cases = list(golden?.cases).map(object);
  const sequences = [
    ...cases.map(one => one?.sequence),
    ...list(object(await jsonIn(folder, 'example.json'))?.sequences),
  ].filter(sequence => sequence !== undefined);
  const feeds = cases.map(one => one?.feeds);
  return inputs.flatMap(({ name }): Shown[] => {
    const fed = feeds.map(feed => object(member(feed, name)));
    const said = sequences.map(sequence => member(sequence, name) ?? (inputs.length === 1 ? sequence : undefined));
    const values = [...fed.map(one => one?.data), ...said].flatMap(flat).slice(0, MOST_VALUES);
    const dims = list(fed[0]?.dims);
    const told = dims.length > 0 && dims.every(size => Number.isSafeInteger(size) && Number(size) > 0);
    return values.length > 0 ? [{ input: name, values, ...(told ? { dims: dims as number[] } : {}) }] : [];
  });
}

async function jsonIn(folder: string, file: string): Promise<unknown> {
  try {
    return JSON.parse((await readTextIfThere(path.join(folder, file))) ?? 'null');
  } catch {
    return null;
  }
}

function object(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function member(value: unknown, name: string): unknown {
  return own(object(value), name);
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function flat(value: unknown): Scalar[] {
  const values: unknown[] = Array.isArray(value) ? value.flat(8) : [value];
  return values.filter((v): v is Scalar => ['number', 'string', 'boolean'].includes(typeof v));
}
