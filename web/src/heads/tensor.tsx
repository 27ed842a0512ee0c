// A head without meaning: the graph's own numbers, small ones as a coloured table.
import { strengthOf } from '../colour.ts';
import { short } from '../format.ts';
import { Scroll } from '../scroll.tsx';

const MOST_CELLS = 600;

export function TensorValues({ values }: { values: unknown }) {
  const rows = rowsOf(values);
  if (!rows) return <pre class="nested">{JSON.stringify(values).slice(0, 4000)}</pre>;
  const largest = Math.max(0, ...rows.flat().map(Math.abs).filter(Number.isFinite));
  return (
    <Scroll label="Values">
      <table class="heat">
        <tbody>
          {rows.map(row => (
            <tr>
              {row.map(value => (
                <td
                  style={{ '--strength': Number.isFinite(value) ? strengthOf(value, largest) : '0' }}
                  data-sign={value < 0 ? 'minus' : 'plus'}
                >
                  {short(value, 3)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** One number, a list or a table of numbers, as a table. */
function rowsOf(values: unknown): number[][] | undefined {
  const list = (Array.isArray(values) ? values : [values]).map(numbersIn);
  const rows = list.every(value => typeof value === 'number') ? [list] : list;
  const fits = rows.every(row => Array.isArray(row) && row.every(cell => typeof cell === 'number'));
  return fits && rows.flat().length <= MOST_CELLS ? rows : undefined;
}

/** What is no finite number is answered as null. */
function numbersIn(value: unknown): unknown {
  return Array.isArray(value) ? value.map(numbersIn) : (value ?? Number.NaN);
}
