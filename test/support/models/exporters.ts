// The exported graphs among the fixtures, what is true of each, and the check that a served model answers every sequence
// in company as it answers it alone.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { Batcher, type BatcherOptions } from '../../../src/batching/batcher.ts';
import type { Axes, Feed, Signature, SignatureInput } from '../../../src/model/signature.ts';
import type { Certificate } from '../../../src/proof/certificate.ts';
import { TOLERANCE } from '../../../src/proof/certify.ts';
import { randomNumbers, randomSequence } from '../../../src/proof/samples.ts';
import { WorkerPool } from '../../../src/runtime/worker-pool.ts';
import { nest, plainValues } from '../../../src/sequence/nested.ts';
import type { Part } from '../../../src/sequence/rows.ts';
import type { Sequence } from '../../../src/sequence/sequence.ts';
import type { Model } from '../../../src/service/model.ts';
import { type Reply, send } from '../client/exchange.ts';
import { ROOT, type TestApp } from '../server/service.ts';
import { pick } from './models.ts';

export const EXPORTERS = `${ROOT}test/fixtures/exporters`;
export const CONNECTIONS = 64;

export interface Truth {
  readonly axes: Readonly<Record<string, Axes>>;
  readonly roles: Readonly<Record<string, Feed['role']>>;
  readonly state: readonly { readonly input: string; readonly output: string }[];
  readonly rows: Certificate['rows'];
  readonly lengths: Certificate['lengths'];
}

export function catalogue(): { readonly name: string; readonly truth: Truth }[] {
  return JSON.parse(readFileSync(`${EXPORTERS}/catalogue.json`, 'utf8'));
}

/** A sequence as a caller writes it. */
export function asJson({ inputs }: Signature, { parts }: Sequence): unknown {
  const values = inputs.map(input => partAsJson(input, parts[input.feed] as Part));
  if (inputs.length === 1) return values[0];
  return Object.fromEntries(inputs.map(({ spec }, i) => [spec.name, values[i]]));
}

function partAsJson({ spec, tensor, width }: SignatureInput, { data, dims, length }: Part): unknown {
  const values = plainValues(tensor.dtype, data).map(value => (typeof value === 'bigint' ? Number(value) : value));
  if (spec.kind === 'side') return values[0];
  return nest(values, spec.kind === 'numeric' ? [length, width] : dims);
}

/** Sequences of a few lengths, so that some find company even where only equal lengths may share a run. */
function requestsFor({ signature }: Model, count: number): string[] {
  const random = randomNumbers(17);
  return Array.from({ length: count }, () => {
    const length = pick(random, [1, 3, 7, 11, 12]);
    const side = Object.fromEntries(signature.inputs.map(({ spec }) => [spec.name, pick(random, [8000, 16000])]));
    return JSON.stringify({ sequences: [asJson(signature, randomSequence(signature, length, random, { side }))] });
  });
}

/** All numbers in a reply, in order. */
function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

function near(one: string, other: string): boolean {
  const [ours, theirs] = [one, other].map(text => numbersIn(JSON.parse(text)));
  const close = (a: number, b: number) => Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b));
  return ours.length === theirs.length && ours.every((value, i) => close(value, theirs[i]));
}

export interface Crowd {
  /** Replies that are not what the same request gets alone, as the certificate has it. */
  readonly faults: string[];
  /** The largest batch that a request rode in. */
  readonly company: number;
  readonly connections: number;
}

/** Sends each request alone, then all of them, in another order, over 64 connections at once. */
export async function crowd(app: TestApp, origin: string, name: string, rounds = 1): Promise<Crowd> {
  const model = app.service.models.get(name);
  const exact = model.certificate.worstDifference === 0;
  const path = `/v1/models/${name}/predict`;
  const bodies = requestsFor(model, CONNECTIONS);
  const faults: string[] = [];
  const alone: string[] = [];
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const predict = async (body: string): Promise<Reply> => {
    const reply = await send(origin, path, { body, agent, headers: { 'content-type': 'application/json' } });
    if (reply.status !== 200) faults.push(reply.text);
    return reply;
  };
  for (const body of bodies) alone.push((await predict(body)).text);
  let company = 0;
  let open = 0;
  let most = 0;
  const sockets = new Set<unknown>();
  const count = ({ socket }: http.IncomingMessage) => {
    if (sockets.has(socket)) return;
    sockets.add(socket);
    most = Math.max(most, ++open);
    socket.once('close', () => open--);
  };
  app.app.server.on('request', count);
  for (let round = 0; round < rounds; round++) {
    const order = bodies.map((_, i) => (i * 29 + round * 7) % bodies.length);
    await Promise.all(
      order.map(async i => {
        const reply = await predict(bodies[i]);
        company = Math.max(company, Number(reply.headers['x-batch-size']));
        const same = exact ? reply.text === alone[i] : near(reply.text, alone[i]);
        if (!same)
          faults.push(
            `${name}: ${bodies[i].slice(0, 80)} gave ${reply.text.slice(0, 200)}, alone ${alone[i].slice(0, 200)}`,
          );
      }),
    );
  }
  agent.destroy();
  app.app.server.off('request', count);
  return { faults, company, connections: most };
}

/** Gives a loaded model a batcher with other rules than those that its certificate allows. Returns how to end it. */
export async function force(
  app: TestApp,
  name: string,
  graphFile: string,
  options: Partial<Pick<BatcherOptions, 'pairs'>> & Partial<BatcherOptions['rules']>,
): Promise<() => Promise<void>> {
  const model = app.service.models.get(name);
  const { pairs, ...rules } = options;
  const session = { graphFile, provider: 'cpu' as const, intraOpThreads: 1 };
  const pool = await WorkerPool.open({ session, size: 1 });
  const batcher = new Batcher({
    signature: model.signature,
    runner: pool,
    rules: { ...model.limits, mixing: model.mixing, ...rules },
    pairs,
    capacity: { sequences: 1000, bytes: 1e9 },
  });
  Object.assign(model, { batcher });
  return async () => {
    await batcher.drain();
    await pool.close();
  };
}
