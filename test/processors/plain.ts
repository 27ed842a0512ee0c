// By how much graphs are off their golden answers in the runtime as it comes, without the option that the server sets: what
// other programs would get. Run on the processor in question: plain.js FOLDER...; prints [[difference, tolerance], ...].
import { existsSync } from 'node:fs';
import path from 'node:path';
import ort from 'onnxruntime-node';
import type { Tensor, Tensors } from '../../src/core/tensor.ts';
import { bindSignature } from '../../src/model/bind.ts';
import { readManifest } from '../../src/model/manifest.ts';
import { readGraph } from '../../src/model/onnx/graph.ts';
import { inferManifest } from '../../src/proof/discovery/manifest.ts';
import { checkGolden, readGolden } from '../../src/proof/golden.ts';
import type { Run } from '../../src/runtime/runner.ts';

async function offBy(folder: string): Promise<[number, number]> {
  const graphFile = path.join(folder, 'model.onnx');
  const session = await ort.InferenceSession.create(graphFile, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const run: Run = async (feeds, fetches) => {
    const given = Object.entries(feeds).map(([name, { dtype, data, dims }]) => {
      return [name, new ort.Tensor(dtype, data as never, dims)] as const;
    });
    const results = await session.run(Object.fromEntries(given), fetches);
    const answers: Tensors = {};
    for (const name of fetches) {
      const { type, dims, data } = results[name];
      answers[name] = { dtype: type, dims, data } as Tensor;
    }
    return answers;
  };
  const graph = await readGraph(graphFile);
  const manifestFile = path.join(folder, 'manifest.json');
  const manifest = existsSync(manifestFile) ? await readManifest(manifestFile) : await inferManifest(graph, run);
  const golden = await readGolden(folder, bindSignature(manifest, graph), graph);
  if (!golden) throw new Error(`${folder} has no golden answers`);
  const { worstDifference } = await checkGolden({ ...golden, tolerance: Infinity }, run);
  return [worstDifference, golden.tolerance];
}

const found: [number, number][] = [];
for (const folder of process.argv.slice(2)) found.push(await offBy(folder));
console.log(JSON.stringify(found));
