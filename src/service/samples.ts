// Deterministic random sequences that a signature accepts, for the warm-up and the certificate.
import type { Part, Sequence } from '../model/sequence.ts';
import type { Signature, SignatureInput } from '../model/signature.ts';

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A random sequence whose inputs all have `length` time steps, or as near as the manifest allows. */
export function randomSequence(signature: Signature, length: number, random: () => number): Sequence {
  const parts = signature.inputs.map(input => {
    const { minimum, maximum } = input.spec.time;
    return randomPart(input, Math.min(Math.max(length, minimum), maximum), random);
  });
  return { parts, length: parts[0].length, longest: Math.max(...parts.map(part => part.length)) };
}

function randomPart(input: SignatureInput, length: number, random: () => number): Part {
  const { spec } = input;
  if (spec.kind === 'token') {
    return { length, data: Array.from({ length }, () => `w${Math.floor(random() * 1000)}`.repeat(1 + 2 * random())) };
  }
  if (spec.kind === 'index') {
    const ids = Array.from({ length }, () => Math.floor(random() * spec.size));
    return { length, data: input.tensor.dtype === 'int32' ? Int32Array.from(ids) : BigInt64Array.from(ids, BigInt) };
  }
  const data = new Float32Array(length * input.width);
  for (let i = 0; i < data.length; i++) {
    const feature = spec.features[i % input.width];
    const least = feature.categories ? 0 : feature.minimum;
    const high = feature.categories
      ? feature.categories.length - 1
      : (feature.maximum ?? Math.max(3, (least ?? -3) + 6));
    const low = least ?? Math.min(-3, high - 6);
    const value = low + random() * (high - low);
    data[i] = feature.categories || feature.integer ? Math.round(value) : value;
  }
  return { length, data };
}
