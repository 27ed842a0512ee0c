// What the page asks of the server.
import { drawable } from './drawable.ts';
import type { Labelled, Model, Prediction, Ride } from './model.ts';

export class Problem extends Error {
  readonly status: number;
  readonly faults: readonly { readonly pointer: string; readonly detail: string }[];
  constructor(status: number, detail: string, faults: Problem['faults'] = []) {
    super(detail);
    this.status = status;
    this.faults = faults;
  }
}

const KEY = 'polyhead-key';

/** The API key of this tab: it ends with the tab and is sent to this server alone. */
export const key = {
  get: () => sessionStorage.getItem(KEY) ?? '',
  set: (value: string) => (value === '' ? sessionStorage.removeItem(KEY) : sessionStorage.setItem(KEY, value)),
};

/** @throws {Problem} for every answer that is not a success, with the server's own sentence. */
export async function ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  if (key.get() !== '') headers.authorization = `Bearer ${key.get()}`;
  const init = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
  let reply: Response;
  try {
    reply = await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, 'the server cannot be reached');
  }
  if (reply.ok) return reply;
  const problem = await reply.json().catch(() => ({}));
  throw new Problem(reply.status, problem.detail ?? `the server answered ${reply.status}`, problem.errors);
}

export async function askJson<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  return (await ask(method, path, body, signal)).json();
}

export function pathOf({ name, version }: Pick<Model, 'name' | 'version'>): string {
  return `/v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}`;
}

/** Asks for the answers to sequences, and what they shared their run with. */
export async function predict(
  model: Model,
  body: { readonly sequences: readonly unknown[]; readonly probabilities?: 'all' },
  signal?: AbortSignal,
): Promise<{ predictions: readonly Prediction[]; ride: Ride }> {
  const start = performance.now();
  const reply = await ask('POST', `${pathOf(model)}/predict`, body, signal);
  const { predictions } = await reply.json();
  return { predictions: predictions.map(drawable), ride: rideOf(reply.headers, performance.now() - start) };
}

export function rideOf(headers: Headers, roundTripMs: number): Ride {
  const timing = headers.get('server-timing') ?? '';
  const duration = (name: string) => Number(new RegExp(`${name};dur=([0-9.]+)`).exec(timing)?.[1] ?? 0);
  return {
    queueMs: duration('queue'),
    runMs: duration('run'),
    batchSize: Number(headers.get('x-batch-size') ?? 1),
    roundTripMs,
  };
}

/** Few enough labels to ask for all of them at every time step. */
export function wantsAll(model: Model): 'all' | undefined {
  const steps = model.heads.filter(
    (head): head is Labelled => head.per === 'step' && 'labels' in head && head.kind !== 'sequence-labels',
  );
  const labels = steps.reduce((sum, head) => sum + head.labels.length, 0);
  return labels > 0 && labels <= 48 ? 'all' : undefined;
}
