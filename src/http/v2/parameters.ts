// Parameters of the Open Inference Protocol, which both of its transports carry: read by name, refused where the type is wrong.
import { ServiceError } from '../../core/errors.ts';
import { own } from '../../core/own.ts';
import type { SequenceStep } from '../../service/step.ts';

export type Parameters = Record<string, unknown> | null | undefined;

function given(parameters: Parameters, name: string): unknown {
  return own(parameters, name) ?? undefined;
}

export function flagParameter(parameters: Parameters, name: string): boolean | undefined {
  const value = given(parameters, name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw new ServiceError('INVALID_REQUEST', `parameter ${name} must be true or false`);
}

export function wholeParameter(parameters: Parameters, name: string): number | undefined {
  const value = given(parameters, name);
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new ServiceError('INVALID_REQUEST', `parameter ${name} must be a whole number of at least 0`);
}

/** The deadline, which the protocol tells in microseconds; 0 is none. */
export function parameterTimeoutMs(parameters: Parameters): number | undefined {
  const timeout = wholeParameter(parameters, 'timeout');
  return timeout ? Math.max(1, Math.ceil(timeout / 1000)) : undefined;
}

/** `0` and `""` mean no sequence; of a whole number and a string with the same digits, the ids differ. */
export function sequenceStep(parameters: Parameters): SequenceStep | undefined {
  const value = given(parameters, 'sequence_id');
  const start = flagParameter(parameters, 'sequence_start') ?? false;
  const end = flagParameter(parameters, 'sequence_end') ?? false;
  if (value === undefined || value === 0 || value === '') {
    if (!start && !end) return undefined;
    throw new ServiceError('INVALID_REQUEST', 'parameters sequence_start and sequence_end need a sequence_id');
  }
  if (typeof value === 'string' && value.length <= 256) return { name: `s:${value}`, id: { text: value }, start, end };
  if (Number.isSafeInteger(value) && (value as number) > 0) {
    return { name: `n:${value}`, id: { text: String(value), number: value as number }, start, end };
  }
  throw new ServiceError(
    'INVALID_REQUEST',
    'parameter sequence_id must be a whole number below 2^53 or a string of up to 256 characters',
  );
}
