// The values of a sequence as cells between a baseline and the input, and sequences at points between the two.
import { fromFloat16, toFloat16 } from '../../core/float16.ts';
import type { ARRAYS, DType, TensorData } from '../../core/tensor.ts';
import { isRowInput, type Signature, type SignatureInput } from '../../model/signature.ts';
import { isMissing } from '../../sequence/missing.ts';
import type { Part } from '../../sequence/rows.ts';
import type { Sequence } from '../../sequence/sequence.ts';
import type { Point } from './game.ts';

/** The cells of one input: a block of all cells, row-major in the shape `dims`. */
export interface CellBlock {
  readonly input: SignatureInput;
  readonly first: number;
  readonly count: number;
  /** [time, feature], [time], or the row's own shape. */
  readonly dims: readonly number[];
  /** Whether a cell takes values between; ids, whole numbers, categories and tokens are switched. By place in a time step. */
  readonly slides: readonly boolean[];
}

export class Cells {
  readonly blocks: readonly CellBlock[];
  readonly count: number;
  readonly #input: Sequence;
  readonly #baseline: Sequence;

  /** Both sequences have parts of equal shape. */
  constructor(signature: Signature, input: Sequence, baseline: Sequence) {
    let first = 0;
    this.blocks = signature.inputs
      .filter(({ spec }) => isRowInput(spec))
      .map(of => {
        const { dims, data } = input.parts[of.feed] as Part;
        const block = { input: of, first, count: data.length, dims, slides: slidesOf(of) };
        first += data.length;
        return block;
      });
    this.count = first;
    this.#input = input;
    this.#baseline = baseline;
  }

  /** Whether a cell holds something else in the input than in the baseline. */
  differs(cell: number): boolean {
    const { input, first } = this.#blockOf(cell);
    const [here, there] = [this.#input, this.#baseline].map(sequence => sequence.parts[input.feed]?.data[cell - first]);
    return here !== there && !(Number.isNaN(here) && Number.isNaN(there));
  }

  /** Whether a cell takes values between: none where the input or the baseline has nothing. */
  slides(cell: number): boolean {
    const { slides, first, input } = this.#blockOf(cell);
    const ends = [this.#input, this.#baseline].map(({ parts }) => parts[input.feed]?.data[cell - first] ?? Number.NaN);
    return slides[(cell - first) % slides.length] && !ends.some(end => isMissing(input.tensor.dtype, end));
  }

  /** The sequence at a point. Where all weights are 1 or 0, its values are those of the input or of the baseline. */
  at(point: Point): Sequence {
    const parts = [...this.#input.parts];
    for (const { input, first, count, slides } of this.blocks) {
      const [from, to] = [this.#baseline, this.#input].map(({ parts: all }) => all[input.feed] as Part);
      const data = emptyLike(to.data);
      for (let i = 0; i < count; i++) {
        const { dtype } = input.tensor;
        const between = slides[i % slides.length] && !isMissing(dtype, from.data[i]) && !isMissing(dtype, to.data[i]);
        data[i] = mixed(dtype, from.data[i], to.data[i], point[first + i], between) as never;
      }
      parts[input.feed] = { ...to, data };
    }
    return { ...this.#input, parts };
  }

  #blockOf(cell: number): CellBlock {
    return this.blocks.findLast(block => block.first <= cell) as CellBlock;
  }
}

/** Floats slide, but for categories and whole numbers: the graph may know no value between two of them. */
function slidesOf({ spec, tensor, width }: SignatureInput): boolean[] {
  const float = tensor.dtype.startsWith('float');
  if (spec.kind === 'numeric') return spec.features.map(feature => float && !feature.categories && !feature.integer);
  return new Array<boolean>(width || 1).fill(spec.kind === 'tensor' && float);
}

type Value = TensorData[number];

function mixed(dtype: DType, from: Value, to: Value, weight: number, between: boolean): Value {
  if (weight === 1 || from === to) return to;
  if (weight === 0) return from;
  if (!between) return weight < 0.5 ? from : to;
  if (dtype === 'float16') {
    const [low, high] = [fromFloat16(from as number), fromFloat16(to as number)];
    return toFloat16(low + weight * (high - low));
  }
  return (from as number) + weight * ((to as number) - (from as number));
}

function emptyLike(data: TensorData): TensorData {
  if (Array.isArray(data)) return new Array<string>(data.length).fill('');
  return new (data.constructor as (typeof ARRAYS)['float32'])(data.length);
}
