// Writes what is generated and committed: openapi/openapi.json from the models in the repository, and the JSON Schema
// of manifest.json. With --check it writes nothing and fails if a file is not what it would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { pino } from 'pino';
import { z } from 'zod';
import { buildApp } from '../src/app.ts';
import { readInvocation } from '../src/config.ts';
import { manifestSchema } from '../src/model/manifest.ts';
import { Service } from '../src/service/service.ts';
import { VERSION } from '../src/version.ts';

const check = process.argv.includes('--check');
const invocation = readInvocation([], { POLYHEAD_EXECUTION_PROVIDER: 'cpu', POLYHEAD_WORKERS: '1' });
if (!('config' in invocation)) throw new Error('the default configuration cannot be printed');
const { config } = invocation;
const log = pino({ level: 'warn' });
const service = await Service.start({ ...config, version: VERSION, models: config }, log);
const app = await buildApp(config, service, log);
await app.ready();

const generated = {
  'openapi/openapi.json': app.apiDocument(),
  'models/manifest.schema.json': z.toJSONSchema(manifestSchema, { io: 'input' }),
};
await app.close();
await service.close();

for (const [file, value] of Object.entries(generated)) {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  if (!check) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) {
    console.error(`${file} is out of date: run "npm run openapi" and commit it`);
    process.exitCode = 1;
  }
}
