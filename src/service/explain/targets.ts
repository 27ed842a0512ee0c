// The one number of each head that is explained: a value, or the probability of a label.
import { ServiceError } from '../../core/errors.ts';
import { own } from '../../core/own.ts';
import type { ManifestHead } from '../../model/manifest.ts';
import type { SignatureHead } from '../../model/signature.ts';
import type { Answer, HeadAnswer } from '../../sequence/heads.ts';

export interface TargetRequest {
  readonly heads?: readonly string[];
  /** Labels by head; what the head answers where none is named. */
  readonly targets?: Readonly<Record<string, string>>;
  /** Time steps by head per step, from 0; the last where none is named. */
  readonly steps?: Readonly<Record<string, number>>;
}

export interface Target {
  readonly head: SignatureHead;
  /** Its place among the model's heads. */
  readonly index: number;
  /** The label, or the head's own name. */
  readonly name: string;
  readonly step?: number;
  read(answer: HeadAnswer): number;
}

/**
 * One target a head, in the order asked for; all heads that have a number, where none is named.
 * @param answers what every head of the model answers to the input.
 * @throws {ServiceError} INVALID_REQUEST
 */
export function targetsOf(
  heads: readonly SignatureHead[],
  asked: TargetRequest,
  answers: readonly HeadAnswer[],
): Target[] {
  const names = heads.map(({ spec }) => spec.name);
  const wanted = asked.heads ?? heads.filter(isPlain).map(({ spec }) => spec.name);
  for (const member of ['targets', 'steps'] as const) {
    for (const name of Object.keys(asked[member] ?? {})) {
      const unfit = unfitFor(member, heads[names.indexOf(name)], wanted);
      if (unfit) throw refused(`/${member}/${name}`, `${member}.${name} ${unfit}`);
    }
  }
  if (wanted.length === 0) throw new ServiceError('INVALID_REQUEST', 'no head of this model has a number to explain');
  return wanted.map((name, i) => {
    const index = names.indexOf(name);
    if (index < 0)
      throw refused(`/heads/${i}`, `heads[${i}] is no head of this model, expected ${names.join(', ').slice(0, 500)}`);
    if (!isPlain(heads[index])) throw refused(`/heads/${i}`, `heads[${i}] has no single number to explain`);
    return targetOf(heads[index], index, asked, answers[index]);
  });
}

/** Why nothing would come of a label or a time step that is asked of this head. */
function unfitFor(
  member: 'targets' | 'steps',
  head: SignatureHead | undefined,
  wanted: readonly string[],
): string | undefined {
  if (!head) return 'is no head of this model';
  if (!wanted.includes(head.spec.name)) return 'is a head that was not asked for';
  if (member === 'steps' && head.spec.per !== 'step') return 'is a head that answers once, not at every step';
  if (member === 'targets' && !('labels' in head.spec)) return 'is a head without labels';
  return undefined;
}

function targetOf(head: SignatureHead, index: number, asked: TargetRequest, answer: HeadAnswer): Target {
  const { spec } = head;
  const steps = spec.per === 'step' ? (answer as readonly unknown[]).length : undefined;
  const step = steps === undefined ? undefined : (own(asked.steps, spec.name) ?? steps - 1);
  if (step !== undefined && step >= (steps as number)) {
    throw refused(`/steps/${spec.name}`, `steps.${spec.name} is ${step}, the sequence has ${steps} steps`);
  }
  const one = (given: HeadAnswer) => {
    const found = (step === undefined ? given : (given as readonly unknown[])[step]) as Answer | null;
    if (found && !('value' in found && !Number.isFinite(found.value))) return found;
    throw new ServiceError('INFERENCE_FAILED', `head "${spec.name}" gave no number to explain`);
  };
  one(answer);
  if (!('labels' in spec)) return { head, index, name: spec.name, step, read: given => numberOf(one(given)) };
  const name = own(asked.targets, spec.name) ?? spec.labels[answeredLabel(one(answer))];
  const label = (spec.labels as readonly string[]).indexOf(name);
  if (label < 0) throw refused(`/targets/${spec.name}`, `targets.${spec.name} is no label of this head`);
  return { head, index, name, step, read: given => probabilityOf(one(given), label) };
}

/** Which heads answer a value or the probability of a label. */
const PLAIN: Record<ManifestHead['kind'], boolean> = {
  binary: true,
  multiclass: true,
  multilabel: true,
  ordinal: true,
  regression: true,
  gaussian: true,
  'sequence-labels': false,
  tensor: false,
};

function isPlain({ spec }: SignatureHead): boolean {
  return PLAIN[spec.kind];
}

function numberOf(answer: Answer): number {
  return 'value' in answer ? answer.value : Number.NaN;
}

function probabilityOf(answer: Answer, label: number): number {
  return 'probabilities' in answer ? answer.probabilities[label] : Number.NaN;
}

/** The label given; of many, the most probable one. */
function answeredLabel(answer: Answer): number {
  if ('label' in answer) return answer.label;
  if (!('probabilities' in answer)) return 0;
  const all = Array.from(answer.probabilities);
  return all.indexOf(Math.max(...all));
}

function refused(pointer: string, detail: string): ServiceError {
  return new ServiceError('INVALID_REQUEST', detail, { faults: [{ pointer, detail }] });
}
