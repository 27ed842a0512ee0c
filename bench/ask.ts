// One call over a kept connection, timed, whether it succeeds or not: for loads in which some are meant to fail.
import http from 'node:http';

export interface Answer {
  /** When it was asked, by `performance.now()`. */
  readonly atMs: number;
  readonly tookMs: number;
  /** 0: the connection ended without an answer. */
  readonly status: number;
}

export function ask(agent: http.Agent, url: string, body?: Buffer): Promise<Answer> {
  const atMs = performance.now();
  return new Promise(resolve => {
    const done = (status: number) => resolve({ atMs, tookMs: performance.now() - atMs, status });
    const headers = body ? { 'content-type': 'application/json', 'content-length': body.length } : {};
    const request = http.request(url, { method: body ? 'POST' : 'GET', agent, headers });
    request.once('error', () => done(0));
    request.once('response', reply => {
      reply.once('error', () => done(0));
      reply.once('end', () => done(reply.statusCode ?? 0)).resume();
    });
    request.end(body);
  });
}

/** Callers that each ask again as soon as they are answered, until `over` says so. */
export async function askOn(
  callers: number,
  next: (turn: number) => Promise<Answer>,
  over: () => boolean,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const callOn = async (caller: number) => {
    for (let turn = caller; !over(); turn += callers) answers.push(await next(turn));
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => callOn(caller)));
  return answers;
}

/** Milliseconds that the given share of the answers took at most. */
export function tookMs(answers: readonly Answer[], share: number): number {
  const sorted = answers.map(answer => answer.tookMs).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
