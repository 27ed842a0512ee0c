// Writes the table of docs/exporters.md: loads every graph of test/fixtures/exporters as the server would, without a
// manifest, and puts down what was found out. Run by `npm run exporters`; test/cli/exporters-matrix.test.ts compares.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { listRepository } from '../src/model/repository.ts';
import type { RowsVerdict, Verdict } from '../src/proof/certificate.ts';
import { ModelLoader } from '../src/service/load.ts';
import { Metrics } from '../src/service/metrics.ts';
import type { Model } from '../src/service/model.ts';
import { configOf, ROOT } from '../test/support/server/service.ts';

export const EXPORTERS = `${ROOT}test/fixtures/exporters`;
export const MATRIX_FILE = `${ROOT}docs/exporters.md`;
const BEGIN = '<!-- matrix: written by "npm run exporters" -->\n';
const END = '<!-- end of matrix -->\n';

/** What a graph of the catalogue is. */
export interface CatalogueEntry {
  readonly name: string;
  readonly exporter: string;
  readonly version: string;
  readonly opset: number;
  readonly network: string;
  /** What its maker knows about it. */
  readonly truth: {
    readonly axes: Readonly<Record<string, { readonly batch: number | null; readonly time: number | null }>>;
    readonly roles: Readonly<Record<string, string>>;
    readonly state: readonly { readonly input: string; readonly output: string }[];
    readonly rows: RowsVerdict;
    readonly lengths: Verdict['lengths'];
  };
}

export function readCatalogue(): CatalogueEntry[] {
  return JSON.parse(readFileSync(path.join(EXPORTERS, 'catalogue.json'), 'utf8'));
}

/** The document with its table written anew; the prose around it stays. */
export async function documentWithMatrix(document: string): Promise<string> {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${MATRIX_FILE} has no place for the table`);
  return `${document.slice(0, begin + BEGIN.length)}${await matrix()}${document.slice(end)}`;
}

async function matrix(): Promise<string> {
  const config = configOf({ POLYHEAD_EXECUTION_PROVIDER: 'cpu', POLYHEAD_WORKERS: '1' });
  const options = { ...config, certificateCache: false };
  const folders = new Map((await listRepository(EXPORTERS)).map(folder => [folder.model, folder]));
  const columns = [
    'exporter',
    'version',
    'opset',
    'network',
    'rows',
    'lengths',
    'mixing',
    'state',
    'golden',
    'warnings',
  ];
  const rows = [columns, columns.map(() => '---')];
  const loader = new ModelLoader(options, new Metrics('0'), pino({ level: 'silent' }));
  for (const entry of readCatalogue()) {
    const folder = folders.get(entry.name);
    if (!folder) throw new Error(`${entry.name} stands in the catalogue, but has no folder`);
    const model = await loader.load(folder);
    await model.close();
    rows.push([entry.exporter, entry.version, String(entry.opset), entry.network, ...found(model)]);
  }
  loader.close();
  const cell = (text: string) => text.replaceAll('|', '\\|');
  return rows.map(row => `| ${row.map(cell).join(' | ')} |\n`).join('');
}

function found({ certificate, mixing, golden, manifest }: Model): string[] {
  const { rows, lengths, state, warnings } = certificate;
  const pairs = manifest.state.map(({ input, output }) => `${input} → ${output}`).join(', ');
  return [
    rows,
    lengths,
    mixing,
    state ? `${pairs}; mixing ${state.mixing}, calls ${state.continues}` : '',
    golden ? `${golden.worstDifference.toExponential(1)} of ${golden.tolerance.toExponential(0)}` : 'none',
    warnings.join('; '),
  ];
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(MATRIX_FILE, await documentWithMatrix(readFileSync(MATRIX_FILE, 'utf8')));
}
