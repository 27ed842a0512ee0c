// Signatures for tests: those of the fixtures on disk, and made-up ones bound to a made-up graph.
import path from 'node:path';
import type { DType } from '../../../src/core/tensor.ts';
import { bindSignature } from '../../../src/model/bind.ts';
import { type Manifest, manifestSchema, readManifest } from '../../../src/model/manifest.ts';
import { type Graph, readGraph, type TensorInfo } from '../../../src/model/onnx/graph.ts';
import type { Signature } from '../../../src/model/signature.ts';
import { randomSequence } from '../../../src/proof/samples.ts';
import type { Sequence } from '../../../src/sequence/sequence.ts';
import { ROOT } from '../server/service.ts';

/** A whole number from `least` to `most`, both included. */
export function between(random: () => number, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

export function pick<T>(random: () => number, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)];
}

/** A version folder below the root of this repository. */
export async function openFixture(
  folder: string,
): Promise<{ folder: string; graphFile: string; signature: Signature; graph: Graph; manifest: Manifest }> {
  const full = path.join(ROOT, folder);
  const manifest = await readManifest(path.join(full, 'manifest.json'));
  const graphFile = path.join(full, manifest.graph.file);
  const graph = await readGraph(graphFile);
  return { folder: full, graphFile, signature: bindSignature(manifest, graph), graph, manifest };
}

export function info(name: string, dtype: DType, dims: TensorInfo['dims']): TensorInfo {
  return { name, dtype, dims };
}

export function graphOf(inputs: TensorInfo[], outputs: TensorInfo[]): Graph {
  return {
    file: 'model.onnx',
    producer: 'test',
    opsets: { 'ai.onnx': 17 },
    operators: {},
    parameters: 0,
    bytes: 0,
    sha256: '',
    externalData: [],
    metadata: {},
    inputs,
    outputs,
    writers: {},
    body: { inputs: [], outputs: [], nodes: [], constants: {} },
    unserved: [],
    tables: {},
    columns: {},
    words: [],
  };
}

export const HEADS = [{ name: 'y', tensor: 'y', kind: 'regression' }];
export const HEAD_OUTPUTS = [info('y', 'float32', ['batch'])];

export function manifestOf(parts: { inputs: unknown[]; heads?: unknown[]; state?: unknown[] }): Manifest {
  return manifestSchema.parse({ formatVersion: 1, graph: { file: 'model.onnx' }, heads: HEADS, ...parts });
}

/** A signature of one numeric input `signal` whose lengths the graph is told, with one regression head. */
export function numericSignature(features: unknown[], time = { minimum: 1, maximum: 100 }): Signature {
  const input = { name: 'signal', tensor: 'x', kind: 'numeric', lengths: 'lengths', time, features };
  const inputs = [info('x', 'float32', ['batch', 'time', features.length]), info('lengths', 'int64', ['batch'])];
  return bindSignature(manifestOf({ inputs: [input] }), graphOf(inputs, HEAD_OUTPUTS));
}

/** Random sequences of these lengths. */
export function randomSequences(signature: Signature, lengths: readonly number[], random: () => number): Sequence[] {
  return lengths.map(length => randomSequence(signature, length, random));
}
