// A quota for each caller, whichever skin its requests come by: so many a minute by the name of an API key, by the key where
// it has none, or by address where there are no keys. It is a caller's own limit, apart from the queue's, which is everybody's.
import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { ServiceError } from '../core/errors.ts';
import type { Metrics } from './metrics.ts';

/** Whose quota a request counts into. */
export interface QuotaHolder {
  readonly apiKey?: { readonly name?: string; readonly secret: string };
  readonly ip: string;
}

/** Where a caller stands after a request. */
export interface Standing {
  readonly limit: number;
  readonly remaining: number;
  /** Until all of it is free again. */
  readonly resetS: number;
  readonly exceeded: boolean;
}

const WINDOW_S = 60;
/** Groups of an IPv6 address that its holder did not choose: a network of 64 bits is one subscriber's. */
const NETWORK_GROUPS = 4;

export class Quota {
  /** 0: no quota. */
  readonly perMinute: number;
  readonly #limiter: RateLimiterMemory | undefined;
  readonly #metrics: Metrics;

  constructor(perMinute: number, metrics: Metrics) {
    this.perMinute = perMinute;
    if (perMinute > 0) this.#limiter = new RateLimiterMemory({ points: perMinute, duration: WINDOW_S });
    this.#metrics = metrics;
  }

  /** Counts one request; `tell` hears how the caller stands, also where that is over. @throws {ServiceError} QUOTA_EXCEEDED */
  async take(holder: QuotaHolder, tell: (standing: Standing) => void = () => {}): Promise<void> {
    if (!this.#limiter) return;
    const limit = this.perMinute;
    const { consumedPoints, remainingPoints, msBeforeNext } = await this.#limiter.consume(keyOf(holder)).catch(over => {
      if (over instanceof RateLimiterRes) return over;
      throw over;
    });
    const standing = {
      limit,
      remaining: remainingPoints,
      resetS: Math.ceil(msBeforeNext / 1000),
      exceeded: consumedPoints > limit,
    };
    tell(standing);
    if (!standing.exceeded) return;
    this.#metrics.quotaRefusals.inc({ key: holder.apiKey ? (holder.apiKey.name ?? 'unnamed') : 'none' });
    const told = `more than ${limit} requests in a minute; try again in ${standing.resetS} s`;
    throw new ServiceError('QUOTA_EXCEEDED', told);
  }
}

/** What a caller writes around a key, or where none are known, opens no quota of its own. */
function keyOf({ apiKey, ip }: QuotaHolder): string {
  if (!apiKey) return networkOf(ip);
  return apiKey.name ?? createHash('sha256').update(apiKey.secret).digest('base64'); // no key lies in memory longer than need be
}

function networkOf(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip); // an IPv4 address within IPv6 is itself
  return address instanceof ipaddr.IPv6 ? address.parts.slice(0, NETWORK_GROUPS).join(':') : address.toString();
}
