#!/usr/bin/env node
// `npx @polyhead/client types URL > polyhead.d.ts`: the types of a running server's models, or of a saved document's.
import { readFile } from 'node:fs/promises';
import { type ApiDocument, generateTypes } from './generate.ts';
import { Transport } from './transport.ts';

const USAGE = `Usage: npx @polyhead/client types URL|FILE > polyhead.d.ts

Writes TypeScript declarations of the models that a server has loaded.
  URL   a running server, such as http://localhost:8080; set POLYHEAD_API_KEY where it asks for a key
  FILE  its API document, saved from /openapi.json`;

async function main([command, source, ...rest]: readonly string[]): Promise<string> {
  if (command !== 'types' || source === undefined || rest.length > 0) throw new Error(USAGE);
  if (!/^https?:\/\//.test(source)) return generateTypes(JSON.parse(await readFile(source, 'utf8')), source);
  const transport = new Transport(source, { apiKey: process.env.POLYHEAD_API_KEY, retries: 2 });
  return generateTypes(await transport.json<ApiDocument>('/openapi.json'), source);
}

await main(process.argv.slice(2)).then(
  text => process.stdout.write(text),
  error => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  },
);
