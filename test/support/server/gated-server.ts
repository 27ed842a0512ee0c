// The real application in a process of its own, on gated workers whose every run blocks for TEST_BLOCK_MS: a server whose
// capacity is known, for tests of overload.
import { watchRuns } from '../../../src/watchdog.ts';
import { listen } from '../client/client.ts';
import { GATED_WORKER, Gate } from '../runner/gate.ts';
import { log, startApp } from './service.ts';

const { TEST_BLOCK_MS, ...env } = process.env as Record<string, string>;
const app = await startApp({ ...env, POLYHEAD_THREADS: '1' }, GATED_WORKER);
await new Gate().order({ type: 'block', ms: Number(TEST_BLOCK_MS) }, app.config.workers);
watchRuns(app.service, app.config.runTimeoutMs, log);
console.log(`the page is at ${await listen(app)}`);
