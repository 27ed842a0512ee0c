// The attributions of one explanation: a table of features by time steps, words, or a picture, coloured by sign and strength.

import { strengthOf } from '../colour.ts';
import { short, spoken } from '../format.ts';
import { pixelSums } from '../media/picture.ts';
import { flat } from '../media/shape.ts';
import type { Explanation, Input, TensorInput } from '../model.ts';
import { Scroll } from '../scroll.tsx';
import type { Draft, Table } from '../sequence/draft.ts';
import { HeatPicture, HeatSound } from './heat-media.tsx';

interface Props {
  inputs: readonly Input[];
  draft: Draft;
  explanation: Explanation;
}
type Grid = readonly (readonly number[] | number)[];

/** More pieces than people can tell apart are not drawn of a tensor without meaning. */
const MOST_PIECES = 60;

export function Attributions({ inputs, draft, explanation }: Props) {
  const { attributions } = explanation;
  const parts = inputs
    .filter(input => input.kind !== 'side')
    .map(input => ({
      input,
      grid: Array.isArray(attributions) ? attributions : (attributions as Record<string, Grid>)[input.name],
    }))
    .filter(({ grid }) => grid !== undefined);
  const drawn = parts.flatMap(({ input, grid }) => numbersDrawn(input, grid));
  const largest = drawn.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return (
    <>
      {parts.map(({ input, grid }) => (
        <section class="attribution">
          {parts.length > 1 && <h3>{spoken(input.name)}</h3>}
          <PartAttributions input={input} grid={grid} part={draft[input.name]} largest={largest} />
        </section>
      ))}
      <p class="legend" aria-hidden="true">
        <span class="swatch" data-sign="minus" style={{ '--strength': -1 }} /> lowers
        <span class="swatch" data-sign="plus" style={{ '--strength': 1 }} /> raises it
      </p>
    </>
  );
}

function PartAttributions(props: { input: Input; grid: Grid; part: unknown; largest: number }) {
  const { input, grid, part, largest } = props;
  if (input.kind === 'numeric') {
    const names = input.features.map(f => spoken(f.name));
    const cells = grid as number[][];
    return <HeatMap name={spoken(input.name)} names={names} grid={cells} table={part as Table} largest={largest} />;
  }
  if (input.kind !== 'tensor') {
    return <Words words={(part as unknown[]).map(String)} sums={grid.map(sumOf)} largest={largest} />;
  }
  if (input.media?.type === 'image') {
    return <HeatPicture media={input.media} row={part} grid={grid} largest={largest} />;
  }
  const pieces = piecesOf(input, grid);
  const sums = pieces.map(({ sum }) => sum);
  if (input.media) return <HeatSound row={part} sums={sums} largest={largest} />;
  return <Words words={pieces.map(({ name }) => name)} sums={sums} largest={largest} />;
}

/** The numbers that colours are compared by. */
function numbersDrawn(input: Input, grid: Grid): readonly number[] {
  if (input.kind === 'numeric') return (grid as number[][]).flat();
  if (input.kind !== 'tensor') return grid.map(sumOf);
  if (input.media?.type === 'image') return pixelSums(input.media, grid).sums;
  return piecesOf(input, grid).map(({ sum }) => sum);
}

const sumOf = (part: unknown): number => flat([part]).reduce((sum, value) => sum + value, 0);

/** A tensor in few pieces, by their places from 1: along its first axis, or along the samples of a recording. */
function piecesOf({ media }: TensorInput, grid: Grid): { name: string; sum: number }[] {
  const parts: Grid = media ? flat(grid) : grid;
  const count = Math.min(MOST_PIECES, parts.length);
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i, i + 1].map(end => Math.floor((end * parts.length) / count));
    return { name: to - from === 1 ? `${to}` : `${from + 1}–${to}`, sum: sumOf(parts.slice(from, to)) };
  });
}

function HeatMap(props: {
  name: string;
  names: readonly string[];
  grid: readonly (readonly number[])[];
  table: Table;
  largest: number;
}) {
  const { name, names, grid, table, largest } = props;
  const totals = names.map((_, f) => grid.reduce((sum, step) => sum + step[f], 0));
  return (
    <Scroll label={`Attributions to ${name} by feature and time step`}>
      <table class="heat">
        <thead>
          <tr>
            <th scope="col">feature</th>
            {grid.map((_, t) => (
              <th scope="col">{t + 1}</th>
            ))}
            <th scope="col">sum</th>
          </tr>
        </thead>
        <tbody>
          {names.map((feature, f) => (
            <tr>
              <th scope="row">{feature}</th>
              {grid.map((step, t) => (
                <HeatCell
                  value={step[f]}
                  largest={largest}
                  title={`${feature}, step ${t + 1}: ${table[t]?.[f] ?? 'missing'}`}
                />
              ))}
              <td class="sum">{short(totals[f], 2)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function HeatCell({ value, largest, title }: { value: number; largest: number; title: string }) {
  const strength = strengthOf(value, largest);
  return (
    <td
      style={{ '--strength': strength }}
      data-sign={value < 0 ? 'minus' : 'plus'}
      title={`${title} → ${short(value, 3)}`}
    >
      <span>{Math.abs(strength) < 0.005 ? '·' : short(value, 2)}</span>
    </td>
  );
}

function Words({ words, sums, largest }: { words: readonly string[]; sums: readonly number[]; largest: number }) {
  return (
    <ol class="words heat">
      {words.map((word, t) => {
        const value = sums[t] ?? 0;
        return (
          <li style={{ '--strength': strengthOf(value, largest) }} data-sign={value < 0 ? 'minus' : 'plus'}>
            <span class="word">{word}</span>
            <span class="tag">{short(value, 2)}</span>
          </li>
        );
      })}
    </ol>
  );
}
