// Whether two versions of a model say the same: head by head, for a successor before it takes over and for a shadow beside.
import { LoadError, messageOf } from '../core/errors.ts';
import type { Row } from '../sequence/collate.ts';
import type { HeadAnswer } from '../sequence/heads.ts';
import type { Model } from './model.ts';

/** Numbers that lie apart by more than this, relative to their size, count as another answer. */
const TOLERANCE = 1e-3;

/** Whether the answers of a head differ: another label, or numbers further apart than a thousandth. */
export function differ(one: HeadAnswer | undefined, other: HeadAnswer | undefined): boolean {
  return apart(one, other, 'probabilities');
}

/** Compares plain data by its structure; the member `ignored` follows from the others. */
function apart(one: unknown, other: unknown, ignored: string): boolean {
  if (typeof one === 'number' && typeof other === 'number') {
    if (Object.is(one, other)) return false;
    return !(Math.abs(one - other) <= TOLERANCE * Math.max(1, Math.abs(one), Math.abs(other)));
  }
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one !== other;
  const keys = Object.keys(one).filter(key => key !== ignored);
  if (keys.length !== Object.keys(other).filter(key => key !== ignored).length) return true;
  const [a, b] = [one, other] as Record<string, unknown>[];
  return keys.some(key => apart(a[key], b[key], ignored));
}

/** Whether two models take and give the same tensors, so that a sequence of one is one of the other. */
export function alike(one: Model, other: Model): boolean {
  const shape = ({ signature: { feeds, inputs, heads } }: Model) =>
    JSON.stringify([feeds, inputs.map(({ spec }) => spec), heads.map(({ spec }) => [spec.name, spec.kind])]);
  return shape(one) === shape(other);
}

/** How many sequences two versions ran, and how often they answered otherwise, by head. */
export interface Compared {
  readonly tried: number;
  readonly differences: Readonly<Record<string, number>>;
}

/** Tries a successor on what the model was asked lately. @throws {LoadError} if it cannot answer one that the model could. */
export async function trySuccessor(model: Model, successor: Model): Promise<Compared> {
  let tried = 0;
  const differences = new Map<string, number>();
  for (const sequence of model.recent.sequences()) {
    let before: readonly HeadAnswer[];
    try {
      before = decoded(model, (await model.batcher.submit([sequence]).rows)[0]);
    } catch {
      continue; // overloaded, or never answered: nothing to compare with
    }
    let after: readonly HeadAnswer[];
    try {
      after = decoded(successor, (await successor.batcher.submit([sequence]).rows)[0]);
    } catch (error) {
      const what = messageOf(error);
      throw new LoadError(
        `fails on a sequence of ${sequence.length} steps that version ${model.version} answers: ${what}`,
      );
    }
    tried++;
    model.signature.heads.forEach(({ spec: { name } }, i) => {
      if (differ(before[i], after[i])) differences.set(name, (differences.get(name) ?? 0) + 1);
    });
  }
  return { tried, differences: Object.fromEntries(differences) };
}

function decoded(model: Model, row: Row): HeadAnswer[] {
  return model.decoders.map(decode => decode(row));
}
