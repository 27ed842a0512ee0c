// Writes docs/settings.md from settings.ts, the one place where settings are told: npm run settings. With --check it only
// says whether the file is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { flagOf } from '../src/config.ts';
import type { Setting } from '../src/setting.ts';
import { SETTINGS } from '../src/settings.ts';

const FILE = new URL('../../docs/settings.md', import.meta.url);
/** Defaults that depend on the machine are not told as numbers. */
const BY_MACHINE: Readonly<Record<string, string>> = {
  POLYHEAD_WORKERS: 'cores − 1, 1 to 4',
  POLYHEAD_LOAD_PROCESSES: 'cores',
  POLYHEAD_LOAD_MEMORY_BYTES: 'three quarters of the memory',
};

function row({ env, fallback, help, secret, file }: Setting): string {
  const flag = secret ? 'none' : `\`--${flagOf(env)}\``;
  const named = secret || file ? `; \`${env}_FILE\` names a file` : '';
  const value = BY_MACHINE[env] ?? (fallback === '' ? 'none' : `\`${fallback}\``);
  return `| \`${env}\` | ${flag}${named} | ${value} | ${help.replaceAll('|', '\\|').replaceAll('<', '&lt;')} |`;
}

const text = `# Settings

Written from \`src/settings.ts\` by \`npm run settings\`. Every setting is an environment variable; all but secrets are flags too, and a flag
wins. Unknown variables that begin with \`POLYHEAD_\` are mistakes. \`npm start -- --print-config\` prints what is in force.

| variable | flag | default | what it is |
|---|---|---|---|
${Object.values(SETTINGS).map(row).join('\n')}
`;

if (!process.argv.includes('--check')) writeFileSync(FILE, text);
else if (readFileSync(FILE, 'utf8') !== text) {
  console.error('docs/settings.md is out of date: run "npm run settings" and commit it');
  process.exitCode = 1;
}
