// Starts and ends the server, then prints the CommonJS files that were loaded for it: what is lazy shows by its absence.
import { createRequire } from 'node:module';
import { startApp } from './service.ts';

const app = await startApp(process.env as Record<string, string>);
await app.close();
console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)));
