// The real application in a process of its own, on gated workers whose every run blocks for TEST_BLOCK_MS: a server whose
// capacity is known, for tests of overload.
import { listen } from './client/client.ts';
import { GATED_WORKER, Gate } from './runner/gate.ts';
import { startApp } from './server/service.ts';

const { TEST_BLOCK_MS, ...env } = process.env as Record<string, string>;
const app = await startApp(env, GATED_WORKER);
await new Gate().order(
  { type: 'block', ms: Number(TEST_BLOCK_MS) },
  app.config.workers * app.service.registry.all().length,
);
console.log(`Server listening at ${await listen(app)}`);
