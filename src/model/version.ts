// A version folder as it is read: its graph, its manifest if it brings one, and that the two belong together.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { LoadError } from '../core/errors.ts';
import { bindSignature } from './bind.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { type Graph, readGraph } from './onnx/graph.ts';
import { checkContained } from './repository.ts';
import { readShown, type Shown } from './shown.ts';
import { heldToTables } from './tables.ts';
import { type Declared, readDeclared } from './triton.ts';

export interface ReadVersion {
  readonly graphFile: string;
  readonly graph: Graph;
  readonly given?: Manifest;
  /** What a configuration beside the model declares, if the version brings no manifest. */
  readonly declared?: Declared;
  /** What the files beside it show of its inputs, if the version brings no manifest. */
  readonly shown?: readonly Shown[];
}

/** `home` is the model's own folder. Nothing is run: what does not fit is told before a session is opened. @throws {LoadError} */
export async function readVersion(folder: string, home = folder): Promise<ReadVersion> {
  await checkContained(folder);
  const manifestFile = path.join(folder, 'manifest.json');
  const manifest = existsSync(manifestFile) ? await readManifest(manifestFile) : undefined;
  const graphFile = path.join(folder, manifest?.graph.file ?? 'model.onnx');
  const graph = await readGraph(graphFile);
  if (!manifest) {
    return { graphFile, graph, declared: await readDeclared(home), shown: await readShown(folder, graph) };
  }
  checkDigests(manifest, graph);
  const given = heldToTables(manifest, graph);
  bindSignature(given, graph);
  return { graphFile, graph, given };
}

function checkDigests({ graph: { file, sha256, externalData = {} } }: Manifest, graph: Graph): void {
  if (sha256 && sha256 !== graph.sha256) {
    throw new LoadError(file, `has sha256 ${graph.sha256}, the manifest says ${sha256}`);
  }
  for (const [name, expected] of Object.entries(externalData)) {
    const found = graph.externalData.find(external => external.file === name);
    if (!found) throw new LoadError(file, `has no external data "${name}", which the manifest names`);
    if (found.sha256 !== expected)
      throw new LoadError(name, `has sha256 ${found.sha256}, the manifest says ${expected}`);
  }
}
