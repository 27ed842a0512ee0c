// The manifest of a graph that brings none: raw tensors under the graph's own names, with what experiments found out.
import type { Graph } from '../../model/graph.ts';
import { type Manifest, parseManifest } from '../../model/manifest.ts';
import type { RunFeeds } from '../../proof/golden.ts';
import { findAxes } from './axes.ts';
import { holdsOneValue, openAxes, Probe } from './probe.ts';
import { findRoles } from './roles.ts';

/** The most time steps of an input whose number of steps is open. */
const MOST_STEPS = 65_536;

/** @throws {LoadError} if the graph cannot be run on inputs made from its signature. */
export async function inferManifest(graph: Graph, run: RunFeeds): Promise<Manifest> {
  const probe = new Probe(graph, run);
  const axes = await findAxes(probe);
  const { told, state } = await findRoles(probe, axes);
  const filled = new Set([...told.values()].map(({ input }) => input).concat(state.map(({ input }) => input)));
  const states = new Set(state.map(({ output }) => output));
  const heads = graph.outputs.filter(({ name }) => !states.has(name));
  return parseManifest({
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: graph.inputs.flatMap((info): Record<string, unknown>[] => {
      if (filled.has(info.name)) return [];
      const found = axes.inputs.get(info.name);
      if (found?.batch === null && holdsOneValue(info)) {
        return [
          { kind: 'side', name: info.name, tensor: info.name, example: sideExample(info.dtype, axes.filling.side) },
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
          ...(openAxes(info).some(axis => axis !== found?.batch && axis !== found?.time)
            ? { openSize: axes.filling.steps }
            : {}),
          ...(teller ? { [teller.by]: teller.input } : {}),
          ...(found?.sameTimeAs && !filled.has(found.sameTimeAs) ? { sameTimeAs: found.sameTimeAs } : {}),
          time:
            found?.steps === 'any'
              ? { minimum: 1, maximum: MOST_STEPS }
              : { minimum: found?.steps, maximum: found?.steps },
        },
      ];
    }),
    heads: (heads.length > 0 ? heads : graph.outputs).map(({ name }) => {
      const found = axes.outputs.get(name);
      const perStep = found && found.time !== null ? { per: 'step', timeAxis: found.time } : {};
      const follows = found?.follows !== undefined && !filled.has(found.follows) ? { input: found.follows } : {};
      return { kind: 'tensor', name, tensor: name, batchAxis: found?.batch ?? null, ...perStep, ...follows };
    }),
    state,
  });
}

function sideExample(dtype: string, value: number): number | string | boolean {
  return dtype === 'string' ? '' : dtype === 'bool' ? value !== 0 : value;
}
