// The other ceiling: one session in one thread, run in a loop on batches that are ready. No HTTP, no queue.
import path from 'node:path';
import { bindSignature } from '../src/model/bind.ts';
import { readManifest } from '../src/model/manifest.ts';
import { readGraph } from '../src/model/onnx/graph.ts';
import { randomNumbers, randomSequence } from '../src/proof/samples.ts';
import { openSession } from '../src/runtime/session.ts';
import { collate } from '../src/sequence/collate.ts';

/** Sequences per second at a batch size and a sequence length. */
export async function rawSequencesPerSecond(
  folder: string,
  cases: readonly { batchSize: number; length: number }[],
  seconds: number,
): Promise<number[]> {
  const manifest = await readManifest(path.join(folder, 'manifest.json'));
  const graphFile = path.join(folder, manifest.graph.file);
  const signature = bindSignature(manifest, await readGraph(graphFile));
  const session = await openSession({ graphFile, provider: 'cpu', intraOpThreads: 1 });
  const random = randomNumbers(5);
  const rates: number[] = [];
  for (const { batchSize, length } of cases) {
    const feeds = collate(
      signature,
      Array.from({ length: batchSize }, () => randomSequence(signature, length, random)),
    );
    const timed = async (limitMs: number) => {
      const start = performance.now();
      let runs = 0;
      for (; performance.now() - start < limitMs; runs++) await session.run(feeds, signature.fetches);
      return (runs * batchSize) / ((performance.now() - start) / 1000);
    };
    await timed(300);
    rates.push(await timed(seconds * 1000));
  }
  session.release();
  return rates;
}
