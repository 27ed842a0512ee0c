// A certificate for people: what may share a run and why, what was tried, and what speaks against more.

import { grouped, printable } from '../core/terminal.ts';
import type { Graph } from '../model/onnx/graph.ts';
import type { Signature } from '../model/signature.ts';
import type { Certificate, Verdict } from '../proof/certificate.ts';
import { heading, shapeText, table } from './text.ts';

/** What certifying one file gave. */
export interface Certified {
  readonly file: string;
  readonly graph: Graph;
  readonly signature: Signature;
  /** Where the meaning of the tensors comes from, in words. */
  readonly manifest: string;
  /** How the golden answers compare, in words; undefined without a golden.json. */
  readonly golden?: string;
  /** Why the server would not serve it. */
  readonly refusals: readonly string[];
  readonly certificate: Certificate;
}

const MIXING: Record<Verdict['mixing'], string> = {
  classes: 'sequences of near lengths share a run, padded to the longest',
  equal: 'only sequences of equal length share a run',
  alone: 'every sequence runs alone',
};
const ROWS: Record<Verdict['rows'], string> = {
  exact: 'a row is answered in company as it is alone, to the last bit',
  exactInPairs:
    'to the last bit, if a lone sequence runs as two copies of itself (the kernel for one row sums otherwise)',
  tolerance: 'within 1e-5 of the answer alone',
  alone: "a row's answer depends on its company",
};
const LENGTHS: Record<Verdict['lengths'], string> = {
  lengths: 'may differ: the graph is told each length',
  mask: 'may differ: the graph is told by a mask what is padding',
  zeroPadding: 'may differ: steps of zeros at the end change no answer',
  equalOnly: 'must be equal: padding changes answers, or there is nothing to pad',
};
const CONTINUES: Record<NonNullable<Certificate['state']>['continues'], string> = {
  exact: 'two calls with the state between them give what one call gives, to the last bit',
  tolerance: 'two calls with the state between them give what one call gives, within 1e-5',
  no: 'two calls with the state between them do not give what one call gives',
  untested: 'whether two calls give what one gives could not be tried',
};
const SIDE: Record<Certificate['sideInputs'][string], string> = {
  changesAnswers: 'changes the answers; sequences with other values run apart',
  changesNothing: 'changed no answer when it was tried',
  untested: 'no second value is known to try',
};

export function certificateText(certified: Certified): string[] {
  const { file, graph, manifest, golden, refusals, certificate } = certified;
  const { state, sideInputs, warnings, counterExample, complete } = certificate;
  const tried = `${grouped(certificate.sequences)} sequences in ${grouped(certificate.batches)} batches, ${grouped(certificate.milliseconds)} ms`;
  return [
    heading(file),
    ...table(
      [
        ['sha256', graph.sha256],
        ['manifest', manifest],
        ['golden', golden ?? 'none'],
        ['tried', complete ? tried : `${tried}; not everything`],
      ],
      { indent: 2 },
    ),
    '',
    heading('Heads'),
    ...verdictText(certificate),
    ...section('State', state ? verdictText(state, ['calls', state.continues, CONTINUES[state.continues]]) : []),
    ...section('Tensors', tensorsText(certified)),
    ...section(
      'Side inputs',
      table(
        Object.entries(sideInputs).map(([name, effect]) => [printable(name), SIDE[effect]]),
        { indent: 2 },
      ),
    ),
    ...section(
      'Refused',
      refusals.map(reason => `  ${printable(reason)}`),
    ),
    ...section('Counter-example', counterExample === null ? [] : [`  ${printable(counterExample)}`]),
    ...section(
      'Warnings',
      warnings.map(warning => `  ${printable(warning)}`),
    ),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', heading(title), ...lines];
}

function verdictText({ mixing, rows, lengths, worstDifference }: Verdict, ...more: string[][]): string[] {
  return table(
    [
      ['mixing', mixing, MIXING[mixing]],
      ['rows', rows, ROWS[rows]],
      ['lengths', lengths, LENGTHS[lengths]],
      ['worst', worstDifference.toExponential(1), 'the largest difference among the runs that this allows'],
      ...more,
    ],
    { indent: 2 },
  );
}

/** Every input and output with its role and where its rows and steps lie. */
function tensorsText({ graph, signature, certificate: { axes } }: Certified): string[] {
  const states = new Set(signature.state.map(({ output }) => output));
  const place = (what: string, axis: number | null | undefined) =>
    axis == null ? `no ${what} axis` : `${what} axis ${axis}`;
  const rows = [
    ...signature.feeds.map(({ tensor, role }) => ({ ...tensor, role: role === 'data' ? 'input' : `input (${role})` })),
    ...graph.outputs.map(tensor => ({ ...tensor, role: states.has(tensor.name) ? 'output (state)' : 'output' })),
  ];
  return table(
    rows.map(({ name, dtype, dims, role }) => {
      const found = axes[name];
      const where = found ? `${place('batch', found.batch)}, ${place('time', found.time)}` : 'not used';
      return [printable(name), role, dtype, shapeText(dims), where];
    }),
    { indent: 2 },
  );
}
