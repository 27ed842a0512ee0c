// A starting manifest: what experiments found out about a graph, and on top of it guesses that say that they are guesses.

import path from 'node:path';
import { bindSignature } from '../model/bind.ts';
import { type Manifest, parseManifest } from '../model/manifest.ts';
import type { Graph } from '../model/onnx/graph.ts';
import { readShown } from '../model/shown.ts';
import { isRowInput, type Signature } from '../model/signature.ts';
import { inferManifest } from '../proof/discovery/manifest.ts';
import { randomNumbers, randomSequence } from '../proof/samples.ts';
import { warmUp } from '../proof/warm-up.ts';
import type { Run } from '../runtime/runner.ts';
import { collate, type Row, split } from '../sequence/collate.ts';
import { headDecoder } from '../sequence/heads.ts';
import { guessHead } from './guess-heads.ts';
import { guessInput } from './guess-inputs.ts';
import type { Written } from './written.ts';

/** How far the random numbers of the trial runs reach. */
const SCALES = [1, 1, 3, 10];
const STEPS = 5;

/** @throws {LoadError} if the graph cannot be run on inputs made from its signature. */
export async function guessManifest(graph: Graph, file: string, run: Run): Promise<Written> {
  const found = await inferManifest(graph, run, { shown: await readShown(path.dirname(file), graph) });
  const signature = bindSignature(found, graph);
  const rows = await trialRows(signature, run);
  const inputs = signature.inputs.map(input => guessInput(input, found));
  const heads = signature.heads.map(head => guessHead(head, graph.writers[head.spec.tensor] ?? '', rows));
  const guessed = written(graph, file, found, inputs, heads);
  return (await loads(guessed, graph, run)) ? guessed : written(graph, file, found, found.inputs, found.heads);
}

/** The graph's answers to some random sequences. */
async function trialRows(signature: Signature, run: Run): Promise<Row[]> {
  const random = randomNumbers(5);
  const rows: Row[] = [];
  for (const scale of SCALES) {
    const sequences = [randomSequence(signature, STEPS, random, { scale })];
    const outputs = await run(collate(signature, sequences), signature.fetches).catch(() => undefined);
    if (outputs) rows.push(...split(signature, outputs, sequences)); // not every number need be an id
  }
  return rows;
}

function written(
  graph: Graph,
  file: string,
  found: Manifest,
  inputs: readonly object[],
  heads: readonly object[],
): Written {
  const base = path.basename(file);
  const plain = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(base);
  const { externalData } = graph;
  return {
    $schema: '../../manifest.schema.json',
    formatVersion: 1,
    description: describe(found),
    graph: {
      file: plain ? base : 'model.onnx',
      sha256: graph.sha256,
      ...(externalData.length > 0
        ? { externalData: Object.fromEntries(externalData.map(external => [external.file, external.sha256])) }
        : {}),
    },
    inputs: inputs.map(shortened),
    heads: heads.map(shortened),
    ...(found.state.length > 0 ? { state: found.state.map(shortened) } : {}),
  };
}

/** Which fields stand on an experiment and which are guesses. */
function describe({ inputs, state }: Manifest): string {
  const experiments = ['axes', 'time limits'];
  const rows = inputs.filter(isRowInput);
  if (rows.some(input => input.lengths)) experiments.push('lengths');
  if (rows.some(input => input.mask)) experiments.push('mask');
  if (state.length > 0) experiments.push('state');
  return (
    `Written by "polyhead inspect --manifest". Found out by running the graph: ${experiments.join(', ')}. ` +
    'Every description that begins with "guess:" names fields to check, rename or complete; then put words of your own there.'
  );
}

const DEFAULTS: Written = {
  batchAxis: 0,
  timeAxis: 1,
  per: 'sequence',
  activation: 'none',
  threshold: 0.5,
  scale: 1,
  offset: 0,
};

/** What tells most stands first. */
const ORDER = ['name', 'description', 'tensor', 'kind'];

function shortened(part: object): Written {
  const isState = 'output' in part;
  const place = (key: string) => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);
  return Object.fromEntries(
    Object.entries(part)
      .filter(([key, value]) => {
        const standard = isState && key === 'batchAxis' ? 1 : DEFAULTS[key];
        return value !== undefined && value !== standard && !(Array.isArray(value) && value.length === 0);
      })
      .sort(([a], [b]) => place(a) - place(b)),
  );
}

/** Whether the server would take the manifest as far as that can be told from one run. */
async function loads(manifest: Written, graph: Graph, run: Run): Promise<boolean> {
  try {
    const signature = bindSignature(parseManifest(manifest), graph);
    await warmUp(
      signature,
      { batchSize: 1, paddedSteps: STEPS },
      signature.heads.map(head => headDecoder(head)),
      run,
    );
    return true;
  } catch {
    return false;
  }
}
