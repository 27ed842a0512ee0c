// A step of a stream: what is asked, what is answered, and what may be done with the answer before the step is taken.
import type { Place } from '../sequence/controls.ts';
import type { StreamRecord } from '../state/store.ts';
import type { Predictions, PredictRequest } from './predict.ts';

export interface StepRequest extends Pick<PredictRequest, 'heads'> {
  readonly sequence: unknown;
  /** The length that the caller believes the stream to have. */
  readonly after?: number;
}

/** The answer to a step, and the stream after it. */
export interface Step extends Predictions {
  readonly record: StreamRecord;
}

export interface StepSlicesRequest extends StepRequest {
  readonly sliceSteps?: number;
}
/** The answer to a part of a step's time steps, and the stream after it. */
export interface StepSlice extends Step {
  readonly last: boolean;
}

/** What is done with an answer before its step is taken: what it throws leaves the stream as it was. */
export type Accept<T> = (answer: T) => Promise<void>;

/** A step's place in a sequence that its caller names. */
export interface SequenceStep extends Place {
  /** What the sequence is called here: of a number and a text with the same digits, the names differ. */
  readonly name: string;
}
