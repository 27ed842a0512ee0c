// A load: so many callers at once for a while, each with its next request as soon as it has an answer; and what they saw.
import { Connection } from './connection.ts';

export interface Measured {
  readonly elapsedS: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** The 99th percentile of the first answers of connections, which the server had to accept before. */
  readonly firstP99Ms: number;
  /** Replies other than 200 by status, and ends without a reply by reason. */
  readonly failures: Readonly<Record<string, number>>;
}

export interface Load {
  readonly url: URL;
  /** Whole requests, head and body, sent in rotation. */
  readonly requests: readonly Buffer[];
  readonly connections: number;
  readonly seconds: number;
  /** The load ends earlier when so many requests were sent. */
  readonly mostRequests?: number;
}

/** How long answers that are under way when the time is up are waited for. */
const GRACE_MS = 10_000;

export async function drive({ url, requests, connections, seconds, mostRequests = Infinity }: Load): Promise<Measured> {
  const latencies: number[] = [];
  const firsts: number[] = [];
  const failures: Record<string, number> = {};
  const count = (reason: string) => {
    failures[reason] = (failures[reason] ?? 0) + 1;
  };
  const startMs = performance.now();
  const endMs = startMs + 1000 * seconds;
  let sent = 0;
  const callers: Connection[] = [];
  let grace: NodeJS.Timeout | undefined;
  await new Promise<void>(resolve => {
    let living = connections;
    const listener = {
      next: () => {
        const due = performance.now() < endMs || sent < connections; // as many as callers, however long connecting took
        return due && sent < mostRequests ? requests[sent++ % requests.length] : undefined;
      },
      replied: (status: number, ms: number, first: boolean) => {
        latencies.push(ms);
        if (first) firsts.push(ms);
        if (status !== 200) count(`${status}`);
      },
      failed: count,
      ended: () => {
        if (--living === 0) resolve();
      },
    };
    for (let i = 0; i < connections; i++) callers.push(new Connection(url, listener));
    grace = setTimeout(
      () => {
        for (const caller of callers) caller.end();
      },
      1000 * seconds + GRACE_MS,
    );
  });
  clearTimeout(grace);
  const elapsedS = (performance.now() - startMs) / 1000;
  const sorted = Float64Array.from(latencies).sort();
  return {
    elapsedS,
    requestsPerSecond: latencies.length / elapsedS,
    p50Ms: percentile(sorted, 0.5),
    p95Ms: percentile(sorted, 0.95),
    p99Ms: percentile(sorted, 0.99),
    worstMs: sorted.at(-1) ?? Number.NaN,
    firstP99Ms: percentile(Float64Array.from(firsts).sort(), 0.99),
    failures,
  };
}

/** The smallest value that so great a share does not exceed; NaN of nothing. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
