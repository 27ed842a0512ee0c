// Builds the page into dist/page, unless it lies there already from the same sources, and compresses what is served.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const here = import.meta.dirname;
const root = path.dirname(here);
const target = path.join(root, 'dist/page');
const stamp = path.join(target, '.sources');

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => path.join(entry.parentPath, entry.name))
    .sort();
}

/** Of every source and of the versions of the packages that it is built from. */
function digestOfSources() {
  const hash = createHash('sha256');
  for (const file of [...filesOf(here), path.join(root, 'package-lock.json')]) {
    hash.update(path.relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

const digest = digestOfSources();
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest) {
  const { build } = await import('vite');
  await build({ configFile: path.join(here, 'vite.config.ts') });
  for (const file of filesOf(target).filter(name => /\.(html|js|css|svg)$/.test(name))) {
    const bytes = readFileSync(file);
    writeFileSync(`${file}.br`, brotliCompressSync(bytes));
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  }
  writeFileSync(stamp, digest); // last: a build that was cut short is made again
}
