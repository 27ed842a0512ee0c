// Predictions to rows of a table: a row a sequence, or a row a time step where a head answers every step.
import type { Detail } from '../../http/codec/predictions.ts';

/** The part of a head's description that a table needs; a manifest's, or one that a server tells. */
export interface HeadColumns {
  readonly name: string;
  readonly kind: string;
  readonly per?: 'sequence' | 'step';
  readonly labels?: readonly string[];
  readonly interval?: unknown;
}
export type Cell = string | number | null;
export interface Column {
  readonly name: string;
  readonly type: 'DOUBLE' | 'STRING';
}
type Answer = Record<string, unknown> | null | undefined;
interface HeadCells {
  readonly columns: readonly Column[];
  cells(answer: Answer): Cell[];
}

export interface TableOut {
  readonly columns: readonly Column[];
  rows(id: string | number, prediction: { length: number; heads: Record<string, Answer> }): Cell[][];
}

export function tableOut(heads: readonly HeadColumns[], detail: Detail): TableOut {
  const perStep = heads.some(isPerStep);
  const cellsOf = heads.map(head => headCells(head, detail));
  const place: Column[] = [
    { name: 'sequence', type: 'STRING' },
    { name: perStep ? 'step' : 'length', type: 'DOUBLE' },
  ];
  return {
    columns: [...place, ...cellsOf.flatMap(({ columns }) => columns)],
    rows: (id, { length, heads: answers }) =>
      Array.from({ length: perStep ? length : 1 }, (_, step) => [
        String(id),
        perStep ? step : length,
        ...heads.flatMap((head, h) => cellsOf[h].cells(answerAt(head, answers[head.name], step))),
      ]),
  };
}

function isPerStep({ per, kind }: HeadColumns): boolean {
  return per === 'step' && kind !== 'sequence-labels';
}

/** A head per sequence says the same at every step. */
function answerAt(head: HeadColumns, answer: Answer, step: number): Answer {
  if (!isPerStep(head)) return answer;
  if (head.kind === 'tensor') return { values: (answer?.values as unknown[] | undefined)?.[step] };
  return (answer?.steps as Answer[] | undefined)?.[step];
}

function headCells({ name, kind, labels = [], interval }: HeadColumns, detail: Detail): HeadCells {
  const text = (column: string): Column => ({ name: column, type: 'STRING' });
  const real = (column: string): Column => ({ name: column, type: 'DOUBLE' });
  if (kind === 'regression' || kind === 'gaussian') {
    const bounds = interval || kind === 'gaussian' ? ['lower', 'upper'] : [];
    const members = ['value', ...(kind === 'gaussian' ? ['sd'] : []), ...bounds];
    const columns = members.map(member => real(member === 'value' ? name : `${name}.${member}`));
    return { columns, cells: answer => members.map(member => cell(answer?.[member])) };
  }
  if (kind === 'tensor') return { columns: [text(name)], cells: answer => [json(answer?.values)] };
  if (kind === 'sequence-labels') {
    const sure = detail === 'none' ? [] : [real(`${name}.probability`)];
    return {
      columns: [text(name), ...sure],
      cells: answer => [json(answer?.spans), ...sure.map(() => cell(answer?.probability))],
    };
  }
  const all = detail === 'all' ? labels : [];
  const spread = (answer: Answer) =>
    all.map(label => cell((answer?.probabilities as Record<string, unknown> | undefined)?.[label]));
  const columns = all.map(label => real(`${name}.probability.${label}`));
  if (kind === 'multilabel')
    return { columns: [text(name), ...columns], cells: answer => [json(answer?.labels), ...spread(answer)] };
  const sure = detail === 'none' ? [] : [real(`${name}.probability`)];
  return {
    columns: [text(name), ...sure, ...columns],
    cells: answer => [cell(answer?.label), ...sure.map(() => cell(answer?.probability)), ...spread(answer)],
  };
}

const cell = (value: unknown): Cell => (value as Cell | undefined) ?? null;
const json = (value: unknown): Cell => (value === undefined || value === null ? null : JSON.stringify(value));
