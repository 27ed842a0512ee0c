// One replica as two servers in a row, by discrete events: the HTTP thread, which takes so long for each request, and a worker,
// which takes all that waits, up to a batch. Arrivals are random (Poisson), numbers reproducible.

export interface Replica {
  /** Microseconds of the HTTP thread for a request. */
  readonly httpUs: number;
  /** A run of n sequences takes `runUs + rowUs * n`. */
  readonly runUs: number;
  readonly rowUs: number;
  readonly mostRows: number;
}

export interface Outcome {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly meanMs: number;
  readonly meanRows: number;
}

export function simulate({ httpUs, runUs, rowUs, mostRows }: Replica, perSecond: number, requests = 200_000): Outcome {
  const random = uniform(20_261_126);
  const arrivedUs = new Float64Array(requests);
  const readUs = new Float64Array(requests);
  let nowUs = 0;
  let freeUs = 0;
  for (let i = 0; i < requests; i++) {
    nowUs += (-Math.log(1 - random()) * 1e6) / perSecond;
    arrivedUs[i] = nowUs;
    freeUs = Math.max(freeUs, nowUs) + httpUs;
    readUs[i] = freeUs;
  }
  const tookUs = new Float64Array(requests);
  let runs = 0;
  let endUs = 0;
  for (let next = 0; next < requests; runs++) {
    const startUs = Math.max(endUs, readUs[next]);
    const first = next;
    while (next < requests && next - first < mostRows && readUs[next] <= startUs) next++;
    endUs = startUs + runUs + rowUs * (next - first);
    for (let i = first; i < next; i++) tookUs[i] = endUs - arrivedUs[i];
  }
  const mean = tookUs.reduce((sum, us) => sum + us, 0) / requests;
  tookUs.sort();
  const at = (share: number) => tookUs[Math.floor(share * (requests - 1))] / 1000;
  return { p50Ms: at(0.5), p99Ms: at(0.99), meanMs: mean / 1000, meanRows: requests / runs };
}

/** The most requests a second at which 99 of 100 are answered within so long. */
export function capacity(replica: Replica, p99Ms: number): number {
  let [low, high] = [1, 1e6 / Math.max(1, replica.httpUs)];
  while (high / low > 1.01) {
    const middle = (low + high) / 2;
    if (simulate(replica, middle, 100_000).p99Ms <= p99Ms) low = middle;
    else high = middle;
  }
  return low;
}

/** Park and Miller's numbers in (0, 1). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
