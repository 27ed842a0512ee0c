// The manifest of a graph that brings none: raw tensors under the graph's own names, with what experiments found out.

import { LoadError } from '../../core/errors.ts';
import { own } from '../../core/own.ts';
import { elementCount, isFloat } from '../../core/tensor.ts';
import { type Manifest, parseManifest } from '../../model/manifest.ts';
import type { Graph, TensorInfo } from '../../model/onnx/graph.ts';
import type { Shown } from '../../model/shown.ts';
import type { Declared } from '../../model/triton.ts';
import type { Run } from '../../runtime/runner.ts';
import { nest } from '../../sequence/nested.ts';
import { findAxes, type InputAxes, type OutputAxes } from './axes.ts';
import { findLengths, type Lengths } from './lengths.ts';
import { type Filling, holdsOneValue, openAxes, openSize, Probe, sizeIn } from './probe.ts';
import { findRoles } from './roles.ts';

/** What is known without experiments: what a configuration declares, and what golden answers and examples show. */
export interface Found {
  readonly declared?: Declared;
  readonly shown?: readonly Shown[];
}

/** The most time steps of an input whose number of steps is open. */
const MOST_STEPS = 65_536;

/** @throws {LoadError} if the graph cannot be run on inputs made from its signature, or is not as declared. */
export async function inferManifest(graph: Graph, run: Run, { declared, shown }: Found = {}): Promise<Manifest> {
  if (declared) checkDeclared(declared, graph);
  const probe = new Probe(graph, run, shown);
  const axes = await findAxes(probe);
  const lengths = await findLengths(probe, axes);
  const { controls = [], state: pairs = [] } = declared ?? {};
  const { told, state } = await findRoles(probe, axes, lengths, {
    controls: controls.map(({ input }) => input),
    pairs,
  });
  const filled = new Set([...[...told.values()], ...state, ...controls].map(({ input }) => input));
  const states = new Set(state.map(({ output }) => output));
  const heads = graph.outputs.filter(({ name }) => !states.has(name));
  return parseManifest(
    {
      formatVersion: 1,
      graph: { file: 'model.onnx' },
      inputs: graph.inputs.flatMap((info): Record<string, unknown>[] => {
        if (filled.has(info.name)) return [];
        const found = axes.inputs.get(info.name);
        if (found?.batch === null && holdsOneValue(info)) {
          return [
            { kind: 'side', name: info.name, tensor: info.name, example: sideExample(probe, info, axes.filling) },
          ];
        }
        const teller = told.get(info.name);
        return [
          {
            kind: 'tensor',
            name: info.name,
            tensor: info.name,
            batchAxis: found?.batch ?? null,
            timeAxis: found?.time ?? null,
            ...openSizeOf(info, found, axes.filling),
            ...exampleOf(probe, info, found),
            ...(teller ? { [teller.by]: teller.input } : {}),
            ...(found?.sameTimeAs && !filled.has(found.sameTimeAs) ? { sameTimeAs: found.sameTimeAs } : {}),
            ...idsOf(probe, info),
            time: timeOf(found, lengths.get(found?.sameTimeAs ?? info.name)),
          },
        ];
      }),
      heads: (heads.length > 0 ? heads : graph.outputs).map(({ name }) => {
        const found = axes.outputs.get(name);
        const perStep = found && found.time !== null ? { per: 'step', timeAxis: found.time } : {};
        const follows = found?.follows !== undefined && !filled.has(found.follows) ? { input: found.follows } : {};
        const shared = { name, tensor: name, batchAxis: found?.batch ?? null, ...perStep, ...follows };
        return { kind: 'tensor', ...shared, ...labelled(graph, name, found, own(declared?.labels, name)) };
      }),
      state,
      controls,
      limits: declared?.batchSize === undefined ? {} : { batchSize: declared.batchSize },
    },
    'model.onnx',
  );
}

function checkDeclared({ controls, state, labels }: Declared, { inputs, outputs }: Graph): void {
  const has = (infos: readonly TensorInfo[], what: string, name: string) => {
    if (!infos.some(info => info.name === name))
      throw new LoadError('config.pbtxt', `: the graph has no ${what} "${name}"`);
  };
  for (const { input } of [...controls, ...state]) has(inputs, 'input', input);
  for (const name of [...state.map(({ output }) => output), ...Object.keys(labels)]) has(outputs, 'output', name);
}

/** A head of classes, where they are named and the output is one score for each. */
function labelled(
  { outputs, writers }: Graph,
  name: string,
  found: OutputAxes | undefined,
  labels: readonly string[] | undefined,
): Record<string, unknown> {
  const { dims, dtype } = outputs.find(info => info.name === name) as TensorInfo;
  const rank = [found?.batch, found?.time].filter(axis => axis !== null && axis !== undefined).length + 1;
  if (!labels || !isFloat(dtype) || dims.length !== rank) return {};
  const count = dims[rank - 1];
  if (typeof count === 'number' && count !== labels.length) {
    throw new LoadError('config.pbtxt', `: output "${name}" gives ${count} values, its label file ${labels.length}`);
  }
  return { kind: 'multiclass', labels, activation: writers[name] === 'Softmax' ? 'none' : 'logits' };
}

/** The number of steps: as experiments found it, or any where the input has none, or it is fixed. */
function timeOf(found: InputAxes | undefined, lengths: Lengths | undefined): Record<string, number | undefined> {
  if (found?.steps !== 'any') return { minimum: found?.steps, maximum: found?.steps };
  const { minimum, multipleOf } = lengths ?? { minimum: 1, multipleOf: 1 };
  return { minimum, maximum: MOST_STEPS, ...(multipleOf > 1 ? { multipleOf } : {}) };
}

function idsOf({ ranges }: Probe, { name, dtype }: TensorInfo): Record<string, unknown> {
  const maximum = ranges.get(name)?.maximum;
  return maximum === undefined ? {} : { minimum: 0, maximum, ...(isFloat(dtype) ? { integer: true } : {}) };
}

function sideExample(probe: Probe, { name, dtype }: TensorInfo, { given, side }: Filling): number | string | boolean {
  const shown = given ? probe.shownOf(name)?.values[0] : undefined;
  if (shown !== undefined) return shown;
  return dtype === 'string' ? '' : dtype === 'bool' ? side !== 0 : side;
}

/** The size that its other open axes were tried with, if there are any. */
function openSizeOf(info: TensorInfo, found: InputAxes | undefined, filling: Filling): Record<string, number> {
  const other = openAxes(info).find(axis => axis !== found?.batch && axis !== found?.time);
  return other === undefined ? {} : { openSize: sizeIn(filling, openSize(info, other)) };
}

/** Larger rows would fill the description. */
const MOST_EXAMPLE = 256;

/** A row that golden answers were given for. */
function exampleOf(probe: Probe, info: TensorInfo, found: InputAxes | undefined): Record<string, unknown> {
  const { dims, values = [] } = probe.shownOf(info.name) ?? {};
  if (!dims || dims.length !== info.dims.length || dims.some((dim, axis) => axis === found?.batch && dim !== 1))
    return {};
  const row = dims.toSpliced(found?.batch ?? 0, found?.batch === null || found === undefined ? 0 : 1);
  const count = elementCount(row);
  return count > MOST_EXAMPLE || count > values.length ? {} : { example: nest(values.slice(0, count), row) };
}
