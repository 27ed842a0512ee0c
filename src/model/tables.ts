// Ids that a graph looks up in a table of its own: outside of it some providers fail and others answer for another id.
import { LoadError } from '../core/errors.ts';
import { own } from '../core/own.ts';
import type { Feature, Manifest, ManifestInput } from './manifest.ts';
import type { Graph } from './onnx/graph.ts';

/** The manifest with the limits that the graph's tables set where it sets none. @throws {LoadError} if it allows more. */
export function heldToTables(manifest: Manifest, graph: Pick<Graph, 'tables' | 'columns'>): Manifest {
  return { ...manifest, inputs: manifest.inputs.map(spec => held(spec, graph)) };
}

function held(spec: ManifestInput, { tables, columns }: Pick<Graph, 'tables' | 'columns'>): ManifestInput {
  const size = own(tables, spec.tensor);
  if (spec.kind === 'numeric') {
    const sizeOf = (column: number) => own(columns, spec.tensor)?.[column] ?? size;
    return { ...spec, features: spec.features.map((feature, i) => heldFeature(feature, sizeOf(i))) };
  }
  if (size === undefined || spec.kind === 'token') return spec;
  if (spec.kind === 'index') {
    if (spec.size > size) refuse(`input "${spec.name}"`, `ids up to ${spec.size - 1}`, size);
    return spec;
  }
  return { ...spec, ...within(`input "${spec.name}"`, spec, size) };
}

function heldFeature(feature: Feature, size: number | undefined): Feature {
  if (size === undefined) return feature;
  const where = `feature "${feature.name}"`;
  const { categories } = feature;
  if (!categories) return { ...feature, ...within(where, feature, size) };
  if (categories.length > size) refuse(where, `${categories.length} categories`, size);
  return feature;
}

interface Limits {
  readonly minimum?: number;
  readonly maximum?: number;
}

/** ONNX counts ids below 0 from the end of the table. */
function within(where: string, { minimum, maximum }: Limits, size: number): Required<Limits> {
  const [least, most] = [minimum ?? -size, maximum ?? size - 1];
  if (most >= size) refuse(where, `numbers up to ${most}`, size);
  if (least < -size) refuse(where, `numbers from ${least}`, size);
  return { minimum: least, maximum: most };
}

function refuse(where: string, what: string, size: number): never {
  throw new LoadError('manifest.json', `: ${where} allows ${what}, and the graph's table has ${size} rows`);
}
