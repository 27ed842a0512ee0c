// The three ways of continuing a sequence, as callers use them: a stream, a state token, a sequence of protocol v2. Each
// takes a sequence in pieces and gives what was said in the end, and at every step where a head says something per step.
import assert from 'node:assert/strict';
import { isRowInput, rowTimeAxis, type Signature } from '../../../src/model/signature.ts';
import { nest, plainValues } from '../../../src/sequence/nested.ts';
import type { Part } from '../../../src/sequence/rows.ts';
import type { Sequence } from '../../../src/sequence/sequence.ts';
import type { Model } from '../../../src/service/model.ts';
import type { Call, Reply } from './exchange.ts';

export type Send = (path: string, call?: Call) => Promise<Reply>;
export type ContinuedModel = Pick<Model, 'name' | 'signature' | 'certificate'>;
/** What heads, or graph outputs, said, by name. */
export type Said = Record<string, unknown>;

export const DATATYPES: Readonly<Record<string, string>> = {
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  int32: 'INT32',
  int64: 'INT64',
};

export async function json(reply: Promise<Reply>, status = 200) {
  const { status: got, text } = await reply;
  assert.equal(got, status, text.slice(0, 500));
  return text === '' ? undefined : JSON.parse(text);
}

/** The time steps of a sequence from `from` up to `to`. */
export function piece(signature: Signature, sequence: Sequence, from: number, to: number): Sequence {
  const parts = sequence.parts.map((part, f): Part | undefined => {
    const time = rowTimeAxis(signature.feeds[f].axes);
    if (!part || time === null) return part;
    assert.equal(time, 0, 'a row begins with its time axis');
    const stride = part.data.length / part.length;
    const data = part.data.slice(from * stride, to * stride);
    return { length: to - from, dims: [to - from, ...part.dims.slice(1)], data };
  });
  return { ...sequence, parts, length: to - from, longest: to - from };
}

const valuesOf = (signature: Signature, feed: number, { data }: Part) =>
  plainValues(signature.feeds[feed].tensor.dtype, data).map(value =>
    typeof value === 'bigint' ? Number(value) : value,
  );

/** A sequence as REST takes it. */
export function restForm(signature: Signature, { parts }: Sequence): unknown {
  const forms = signature.inputs.map(({ spec, feed }) => {
    const part = parts[feed] as Part;
    const values = valuesOf(signature, feed, part);
    return [spec.name, isRowInput(spec) ? nest(values, part.dims) : values[0]] as const;
  });
  return forms.length === 1 ? forms[0][1] : Object.fromEntries(forms);
}

/** A sequence as protocol v2 takes it: a batch of one of every graph input but the state. */
export function v2Form(signature: Signature, sequence: Sequence): object[] {
  return signature.feeds.flatMap<object>(({ tensor: { name, dtype }, axes, role, of }, f) => {
    const part = sequence.parts[f];
    const datatype = DATATYPES[dtype];
    if (role === 'lengths') return [{ name, datatype, shape: [1], data: [sequence.parts[of as number]?.length] }];
    if (!part) return [];
    const shape = axes.batch === null ? part.dims : part.dims.toSpliced(axes.batch, 0, 1);
    return [{ name, datatype, shape, data: valuesOf(signature, f, part) }];
  });
}

export class Continuing {
  readonly model: ContinuedModel;
  readonly #send: Send;
  readonly #base: string;

  constructor(model: ContinuedModel, send: Send) {
    this.model = model;
    this.#send = send;
    this.#base = `/v1/models/${model.name}`;
  }

  /** What every head says of the whole sequence in one call. */
  async whole(sequence: Sequence): Promise<Said> {
    const body = { sequences: [restForm(this.model.signature, sequence)], probabilities: 'all' };
    return (await json(this.#send(`${this.#base}/predict`, { body }))).predictions[0].heads;
  }

  /** What the heads' tensors hold for the whole sequence in one call. */
  async wholeTensors(sequence: Sequence): Promise<Said> {
    return this.#infer(sequence, {});
  }

  async openStream(): Promise<string> {
    return (await json(this.#send(`${this.#base}/streams`, { method: 'POST' }), 201)).stream;
  }

  /** One step of a stream; `after` says how long it is believed to be. */
  step(stream: string, sequence: Sequence, after?: number): Promise<Reply> {
    const body = { sequence: restForm(this.model.signature, sequence), after, probabilities: 'all' };
    return this.#send(`${this.#base}/streams/${stream}/steps`, { body });
  }

  async stream(pieces: readonly Sequence[]): Promise<Said> {
    const stream = await this.openStream();
    let length = 0;
    const said: Said[] = [];
    for (const next of pieces) {
      const reply = await json(this.step(stream, next, length));
      length += next.length;
      assert.deepEqual([reply.stream, reply.length, reply.prediction.length], [stream, length, next.length]);
      said.push(reply.prediction.heads);
    }
    await json(this.#send(`${this.#base}/streams/${stream}`, { method: 'DELETE' }), 204);
    return this.#joined(said);
  }

  async token(pieces: readonly Sequence[]): Promise<Said> {
    let state: string | null = null;
    const said: Said[] = [];
    for (const next of pieces) {
      const { heads, state: token } = await this.tokenStep(next, state);
      state = token;
      said.push(heads);
    }
    return this.#joined(said);
  }

  async tokenStep(sequence: Sequence, state: string | null): Promise<{ heads: Said; state: string }> {
    const sequences = [restForm(this.model.signature, sequence)];
    const body = { sequences, states: [state], returnState: true, probabilities: 'all' };
    return (await json(this.#send(`${this.#base}/predict`, { body }))).predictions[0];
  }

  async protocol(pieces: readonly Sequence[], id: number | string): Promise<Said> {
    const said: Said[] = [];
    for (const [i, next] of pieces.entries()) {
      const parameters = { sequence_id: id, sequence_start: i === 0, sequence_end: i === pieces.length - 1 };
      said.push(await this.#infer(next, parameters));
    }
    return this.#joined(said);
  }

  async #infer(sequence: Sequence, parameters: object): Promise<Said> {
    const { name, signature } = this.model;
    const outputs = signature.heads.map(({ spec }) => ({ name: spec.tensor }));
    const body = { inputs: v2Form(signature, sequence), outputs, parameters };
    const reply = await json(this.#send(`/v2/models/${name}/infer`, { body }));
    return Object.fromEntries(reply.outputs.map(({ name, data }: { name: string; data: number[] }) => [name, data]));
  }

  /** The last answers, and where a head answers every step all of them. */
  #joined(said: readonly Said[]): Said {
    const joined: Said = { ...said.at(-1) };
    for (const { spec, axes } of this.model.signature.heads) {
      if (axes.time === null) continue;
      for (const name of [spec.name, spec.tensor].filter(name => name in joined)) {
        const all = said.map(answers => answers[name]);
        if (Array.isArray(all[0])) joined[name] = all.flat();
        else {
          const [key] = Object.keys(all[0] as object);
          joined[name] = { [key]: (all as Record<string, unknown[]>[]).flatMap(answer => answer[key]) };
        }
      }
    }
    return joined;
  }
}

/** Deep equality, where numbers may differ by `tolerance`. */
export function assertSame(actual: unknown, expected: unknown, tolerance: number, where = 'answer'): void {
  if (typeof expected === 'number' && typeof actual === 'number') {
    const difference = Math.abs(actual - expected);
    assert.ok(difference <= tolerance * Math.max(1, Math.abs(expected)), `${where} is ${actual}, expected ${expected}`);
  } else if (expected !== null && typeof expected === 'object') {
    assert.deepEqual(Object.keys(actual as object), Object.keys(expected), where);
    for (const [key, value] of Object.entries(expected))
      assertSame((actual as Record<string, unknown>)[key], value, tolerance, `${where}.${key}`);
  } else assert.deepEqual(actual, expected, where);
}
