// The first runs of a model: at the largest batch that it may get, its outputs' sizes checked, its answers decoded.

import { firstLine, LoadError, messageOf } from '../core/errors.ts';
import { headTensors, type Signature } from '../model/signature.ts';
import type { Run } from '../runtime/runner.ts';
import { collate, rowOf, split } from '../sequence/collate.ts';
import type { HeadDecoder } from '../sequence/heads.ts';
import { randomNumbers, randomSequence } from './samples.ts';

/** Runs `batchSize` sequences, as long as the padded steps allow. @throws {LoadError} if that fails or answers do not fit. */
export async function warmUp(
  signature: Signature,
  { batchSize, paddedSteps }: { readonly batchSize: number; readonly paddedSteps: number },
  decoders: readonly HeadDecoder[],
  run: Run,
): Promise<void> {
  const random = randomNumbers(3);
  const length = Math.max(1, Math.floor(paddedSteps / batchSize));
  const sequences = Array.from({ length: batchSize }, () => randomSequence(signature, length, random));
  try {
    const outputs = await run(collate(signature, sequences), signature.fetches);
    const rows = split(signature, outputs, sequences);
    const last = rows[batchSize - 1];
    for (const { spec, width, axes, follows } of signature.heads) {
      if (width === 0) continue;
      const steps = spec.per === 'step' ? (sequences[0].parts[follows]?.length ?? 1) : 1;
      for (const name of headTensors(spec)) {
        const actual = rowOf(last, name, axes, follows).data.length;
        if (actual !== steps * width) {
          throw new Error(`output "${name}" gives ${actual} values a row, expected ${steps * width}`); // its shape was hidden
        }
      }
    }
    for (const decode of decoders) decode(last);
  } catch (error) {
    const reason = error instanceof Error && error.cause ? error.cause : error;
    throw new LoadError(
      `the graph cannot run ${batchSize} sequences of ${sequences[0].longest} steps: ${firstLine(messageOf(reason))}`,
    );
  }
}
