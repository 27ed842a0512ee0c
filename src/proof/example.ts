// A request body that succeeds as it stands: the model's example.json, or one made up from its signature.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { LoadError, messageOf } from '../core/errors.ts';
import { readJson } from '../model/files.ts';
import { isRowInput, type Signature, type SignatureInput } from '../model/signature.ts';
import { acceptedBy } from '../sequence/accepted.ts';
import { nest, plainValues } from '../sequence/nested.ts';
import { partParser } from '../sequence/parse.ts';
import type { Part } from '../sequence/rows.ts';
import type { SequenceParser } from '../sequence/sequence.ts';
import { randomNumbers, randomSequence } from './samples.ts';

const exampleSchema = z.looseObject({ sequences: z.array(z.unknown()).min(1) });
export type Example = z.infer<typeof exampleSchema>;
/** Parts of a manifest's examples, by feed. */
type Given = ReadonlyMap<number, Part>;

/** @throws {LoadError} if example.json does not fit the manifest. */
export async function readExample(
  folder: string,
  signature: Signature,
  given: Given,
  parse: SequenceParser,
): Promise<Example> {
  const file = path.join(folder, 'example.json');
  if (!existsSync(file)) return { sequences: [madeUp(signature, given)] };
  try {
    const example = exampleSchema.parse(await readJson(file));
    for (const [i, sequence] of example.sequences.entries()) parse(sequence, ['sequences', i]);
    return example;
  } catch (error) {
    if (error instanceof z.ZodError) throw new LoadError('example.json', ': expected {"sequences": [...]}');
    throw error instanceof LoadError ? error : new LoadError('example.json', `: ${messageOf(error)}`);
  }
}

/** Where the manifest gives examples, of those. */
function madeUp(signature: Signature, given: Given): unknown {
  const { inputs } = signature;
  const { parts } = randomSequence(signature, 3, randomNumbers(4), { whole: true, given });
  const values = inputs.map(input =>
    given.has(input.feed) ? input.spec.example : partToJson(input, parts[input.feed] as Part),
  );
  if (values.length === 1) return values[0];
  return Object.fromEntries(inputs.map((input, i) => [input.spec.name, values[i]]));
}

/** What the manifest gives as examples, by feed. @throws {LoadError} if a value or an example is none that the input takes. */
export function examplesIn({ inputs }: Signature): Given {
  const given = new Map<number, Part>();
  for (const [i, input] of inputs.entries()) {
    const { spec, tensor, feed } = input;
    if (!isRowInput(spec)) continue;
    try {
      acceptedBy(spec, tensor.dtype, ['inputs', i, 'values']);
      if (spec.example !== undefined) given.set(feed, partParser(input)(spec.example, ['inputs', i, 'example']));
    } catch (error) {
      throw new LoadError('manifest.json', `: ${messageOf(error)}`);
    }
  }
  return given;
}

function partToJson({ spec, width, tensor }: SignatureInput, { data, dims, length }: Part): unknown {
  const values = plainValues(tensor.dtype, data).map(v => (typeof v === 'bigint' ? Number(v) : v));
  const short = (v: unknown) => (typeof v === 'number' ? Math.round(v * 1000) / 1000 : v);
  if (spec.kind === 'side') return values[0];
  if (spec.kind !== 'numeric') return nest(values.map(short), dims);
  return Array.from({ length }, (_, t) => {
    const step = spec.features.map((feature, f) => [feature.name, values[t * width + f]]);
    return Object.fromEntries(step);
  });
}
