#!/usr/bin/env node
// What "npx polyhead" starts in a clone: the compiled command, or one sentence on how to compile it.
import { existsSync } from 'node:fs';

const command = new URL('../dist/src/cli/polyhead.js', import.meta.url);
const packages = new URL('../node_modules/onnxruntime-node/', import.meta.url);
if (existsSync(command) && existsSync(packages)) {
  await import(command.href);
} else {
  const todo = existsSync(packages) ? 'npm run build' : 'npm ci && npm run build';
  console.error(`polyhead: the command is not built yet; run "${todo}" in the repository first`);
  process.exitCode = 1;
}
