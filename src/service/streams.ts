// Streams: recurrent state kept between calls. One step at a time; the state moves on only when a step has succeeded.
import { randomUUID } from 'node:crypto';
import { ServiceError } from '../core/errors.ts';
import { Turns } from '../core/turns.ts';
import { stateBytes, stateDigest } from '../state/bytes.ts';
import { notFound, type StreamRecord, type StreamStore } from '../state/store.ts';
import { CallGroup } from './call-group.ts';
import type { Caller } from './caller.ts';
import { begunOn, checkContinues } from './continuation.ts';
import { type Inference, type InferRequest, infer } from './infer.ts';
import type { Model } from './model.ts';
import { answer, type Continuation, check, type Predictions, predict } from './predict.ts';
import type { Models, Target } from './shelves.ts';
import { sliced } from './slices.ts';
import type { Accept, SequenceStep, Step, StepRequest, StepSlice, StepSlicesRequest } from './step.ts';
import { inTurn } from './turn.ts';

/** Over a step's own deadline: for what happens around the run. */
const HOLD_MARGIN_MS = 5000;
/** Sequences that callers name themselves are kept apart from streams, whose ids are ours. */
const SEQUENCE = 'v2:';

/** What a run gives to the stream that it was a step of. */
interface Ran {
  readonly state: Uint8Array;
  readonly length: number;
}

export class Streams {
  readonly store: StreamStore;
  readonly #models: Models;
  /** Steps of one sequence in this process, in the order of arrival. */
  readonly #turns = new Turns();

  constructor(store: StreamStore, models: Models) {
    this.store = store;
    this.#models = models;
  }

  /** Opens a stream on a model version, the newest if none is named. @throws {ServiceError} */
  open({ model, version }: Target): Promise<StreamRecord> {
    return this.#create(this.#models.choose({ model, version }), randomUUID());
  }

  /** @throws {ServiceError} STREAM_NOT_FOUND if there is none of this model. */
  async get(model: string, id: string): Promise<StreamRecord> {
    const record = id.startsWith(SEQUENCE) ? undefined : await this.store.read(id);
    if (record?.model !== model) throw notFound();
    return record;
  }

  /** @throws {ServiceError} STREAM_NOT_FOUND, STREAM_CONFLICT while a step is in flight. */
  async remove(model: string, id: string): Promise<void> {
    await this.get(model, id);
    await this.store.remove(id);
  }

  /** A stream's next time steps. @throws {ServiceError} STREAM_CONFLICT at once if another step is in flight. */
  async step(
    model: string,
    id: string,
    { sequence, after, heads }: StepRequest,
    caller: Caller,
    accept?: Accept<Step>,
  ): Promise<Step> {
    if (id.startsWith(SEQUENCE)) throw notFound();
    return this.#step(model, id, { after, timeoutMs: caller.timeoutMs, accept }, (loaded, how) =>
      predict(loaded, { sequences: [sequence], heads }, caller, { at: ['sequence'], ...how }),
    );
  }

  /**
   * A stream's next time steps, slice by slice; each is a step of its own and stays taken whatever comes of the next. All of
   * it within the caller's time. @throws {ServiceError} STREAM_CONFLICT also where another step came between two slices.
   */
  async *slices(
    model: string,
    id: string,
    request: StepSlicesRequest,
    caller: Caller,
    accept?: Accept<StepSlice>,
  ): AsyncGenerator<StepSlice> {
    const loaded = this.#modelOf(await this.get(model, id));
    const { heads, sequences } = check(loaded, { sequences: [request.sequence], heads: request.heads }, ['sequence']);
    const release = loaded.batcher.admit(sequences);
    const next = new CallGroup(caller).member();
    let { after } = request;
    try {
      for (const { slice, last } of sliced(loaded, sequences[0], heads, request.sliceSteps)) {
        const now = next();
        const accepted = accept && ((step: Step) => accept({ ...step, last }));
        const step = await this.#step(model, id, { after, timeoutMs: now.timeoutMs, accept: accepted }, (_, how) =>
          answer(loaded, { heads, sequences: [slice] }, now, { ...how, admitted: true }),
        );
        after = step.record.length;
        yield { ...step, last };
      }
    } finally {
      release();
    }
  }

  async #step(
    model: string,
    id: string,
    how: { after?: number; timeoutMs: number; accept?: Accept<Step> },
    run: (model: Model, from: Continuation) => Promise<Predictions>,
  ): Promise<Step> {
    let given: Predictions | undefined;
    const taken = await this.#advance(model, id, how, async (loaded, state, record) => {
      const place = { start: record.length === 0, end: false, id: { text: id, number: numberOf(id) } };
      given = await run(loaded, { states: [state], place, returnState: true });
      const [{ state: next, length }] = given.predictions;
      const ran = { state: next as Uint8Array, length };
      await how.accept?.({ ...given, record: after(record, ran) });
      return ran;
    });
    return { ...(given as Predictions), record: taken };
  }

  /**
   * The next tensors of a sequence, in the order of arrival, by the version that it began on.
   * @throws {ServiceError} INVALID_REQUEST if it was not started, or the caller sends the state that the server keeps.
   */
  async inferStep(
    model: Model,
    request: InferRequest,
    step: SequenceStep,
    caller: Caller,
    accept?: Accept<Inference>,
  ): Promise<Inference> {
    checkNoState(model, request);
    const { name, start, end } = step;
    const stream = `${SEQUENCE}${model.name}:${name}`;
    const waited = model.batcher.admitted.take(1, bytesOf(request)); // who waits for a turn holds its numbers too
    return inTurn(this.#turns, stream, caller, waited, async left => {
      const { timeoutMs } = left;
      if (start) await this.#create(model, stream);
      let answer: Inference | undefined;
      await this.#advance(model.name, stream, { timeoutMs, patienceMs: timeoutMs }, async (loaded, state) => {
        answer = await infer(loaded, request, left, { stream: { state, place: step } });
        await accept?.(answer);
        return { state: answer.state as Uint8Array, length: answer.length };
      }).catch(notStarted);
      if (end) await this.store.remove(stream).catch(() => {}); // its step was taken; the rest is idle
      return answer as Inference;
    });
  }

  async #create(model: Model, id: string): Promise<StreamRecord> {
    checkContinues(model);
    const now = Date.now();
    const record: StreamRecord = {
      id,
      model: model.name,
      version: model.version,
      digest: stateDigest(model.signature, model.graph),
      createdMs: now,
      usedMs: now,
      length: 0,
      state: new Uint8Array(0),
    };
    await this.store.create(record, stateBytes(model.signature));
    return record;
  }

  /** Takes the stream, runs from its state and commits what that gives; if the run fails, the state stays as it was. */
  async #advance(
    model: string,
    id: string,
    { after: expected, timeoutMs, patienceMs }: { after?: number; timeoutMs: number; patienceMs?: number },
    run: (model: Model, state: Uint8Array | undefined, record: StreamRecord) => Promise<Ran>,
  ): Promise<StreamRecord> {
    const held = await this.store.hold(id, timeoutMs + HOLD_MARGIN_MS, patienceMs);
    const { record } = held;
    try {
      if (record.model !== model) throw notFound();
      if (expected !== undefined && expected !== record.length) {
        throw new ServiceError('STREAM_CONFLICT', `the stream has ${record.length} time steps, not ${expected}`);
      }
      const before = record.state.length > 0 ? record.state : undefined;
      const next = after(record, await run(this.#modelOf(record), before, record));
      await this.store.commit(held, next.state, next.length);
      return next;
    } catch (error) {
      await this.store.release(held).catch(() => {}); // a hold ends by itself where the store is away
      throw error;
    }
  }

  /**
   * The version that the stream began on.
   * @throws {ServiceError} STREAM_CONFLICT if it is gone, another graph by now, or the kept state is not whole.
   */
  #modelOf(record: StreamRecord): Model {
    const loaded = begunOn(this.#models, record);
    if (record.state.length === (record.length === 0 ? 0 : stateBytes(loaded.signature))) return loaded;
    throw new ServiceError('STREAM_CONFLICT', 'the state that was kept of this stream is damaged');
  }
}

/** A stream after a step. */
function after(record: StreamRecord, { state, length }: Ran): StreamRecord {
  return { ...record, state, length: record.length + length, usedMs: Date.now() };
}

/** A number for an id of ours, for graphs that know sequences by numbers of any type. */
function numberOf(id: string): number {
  return Number.parseInt(id.slice(0, 6), 16);
}

function bytesOf({ tensors }: InferRequest): number {
  const sizes = Object.values(tensors).map(({ data }) =>
    Array.isArray(data) ? data.reduce((sum, text) => sum + 2 * text.length, 0) : data.byteLength,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function checkNoState({ signature }: Model, { tensors }: InferRequest): void {
  const sent = signature.state.find(({ input }) => Object.hasOwn(tensors, input.name));
  if (!sent) return;
  const what = `input "${sent.input.name}" is state, which the server keeps for this sequence`;
  throw new ServiceError('INVALID_REQUEST', what);
}

function notStarted(error: unknown): never {
  if (!(error instanceof ServiceError) || error.code !== 'STREAM_NOT_FOUND') throw error;
  throw new ServiceError('INVALID_REQUEST', 'must specify the START flag on the first request of the sequence');
}
