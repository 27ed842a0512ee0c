// Binds a manifest to its graph: checks every name, type and shape, and tells all mismatches in one report.
import { LoadError } from '../core/errors.ts';
import type { DType } from '../core/tensor.ts';
import type { Graph, TensorInfo } from './graph.ts';
import type { Manifest, ManifestHead, ManifestInput, RowInput } from './manifest.ts';
import {
  type Axes,
  assemble,
  type Feed,
  headAxes,
  headTensors,
  headWidth,
  inputAxes,
  isRowInput,
  type Signature,
  type SignatureInput,
  type SignatureState,
} from './signature.ts';

const FLOATS: readonly DType[] = ['float32', 'float64', 'float16'];
const WHOLE: readonly DType[] = ['int64', 'int32'];
const MASKS: readonly DType[] = ['bool', ...WHOLE, ...FLOATS];
const INPUT_DTYPES: Partial<Record<ManifestInput['kind'], readonly DType[]>> = {
  numeric: FLOATS,
  index: WHOLE,
  token: ['string'],
};

/** Binds a manifest to its graph. @throws {LoadError} that lists every mismatch. */
export function bindSignature(manifest: Manifest, graph: Graph): Signature {
  const binder = new Binder(graph);
  const inputs = manifest.inputs.map(spec => binder.input(spec, manifest.inputs));
  for (const spec of manifest.heads) binder.head(spec, manifest.inputs);
  const state = manifest.state.map(pair => binder.state(pair));
  return assemble(binder.finish(), inputs, manifest.heads, state);
}

class Binder {
  readonly #faults: string[] = [];
  readonly #inputs: readonly TensorInfo[];
  readonly #outputs: ReadonlyMap<string, TensorInfo>;
  readonly #feeds: (Feed | undefined)[];

  constructor(graph: Graph) {
    this.#inputs = graph.inputs;
    this.#outputs = new Map(graph.outputs.map(info => [info.name, info]));
    this.#feeds = graph.inputs.map(() => undefined);
  }

  input(spec: ManifestInput, all: readonly ManifestInput[]): SignatureInput {
    const where = `input "${spec.name}"`;
    const axes = inputAxes(spec);
    const width = spec.kind === 'numeric' ? spec.features.length : 1;
    if (!isRowInput(spec)) {
      const { feed, tensor } = this.#feed(where, spec.tensor, undefined, undefined, { axes, role: 'side' });
      const dynamic = tensor.dims.some(dim => typeof dim !== 'number');
      if (dynamic || tensor.dims.length > 1 || (tensor.dims[0] ?? 1) !== 1) {
        this.#fault(`${where}: a side input holds one value, "${spec.tensor}" has shape ${shape(tensor)}`);
      }
      return { spec, feed, tensor, axes, width, told: false };
    }
    const rank = spec.kind === 'tensor' ? undefined : (axes.batch === null ? 1 : 2) + (spec.kind === 'numeric' ? 1 : 0);
    const timeOf = this.#timeOf(where, spec, all);
    const { feed, tensor } = this.#feed(where, spec.tensor, INPUT_DTYPES[spec.kind], rank, {
      axes,
      role: 'data',
      timeOf,
    });
    if (rank === undefined || tensor.dims.length === rank) this.#inputShape(where, spec, tensor, axes, width);
    const inner = { batch: axes.batch === null ? null : 0, time: null };
    if (spec.lengths)
      this.#feed(`${where} lengths`, spec.lengths, WHOLE, 1, { axes: inner, role: 'lengths', of: feed });
    if (spec.mask) {
      const maskAxes = axes.batch === null ? { batch: null, time: 0 } : axes.time === 0 ? axes : { batch: 0, time: 1 };
      this.#feed(`${where} mask`, spec.mask, MASKS, axes.batch === null ? 1 : 2, {
        axes: maskAxes,
        role: 'mask',
        of: feed,
      });
    }
    return { spec, feed, tensor, axes, width, told: Boolean(spec.lengths || spec.mask) };
  }

  /** The earlier feed that shares this input's number of steps: as the manifest says, or by the graph's own symbol. */
  #timeOf(where: string, spec: RowInput, all: readonly ManifestInput[]): number | undefined {
    const earlier = all.slice(0, all.indexOf(spec)).filter(isRowInput);
    const symbolOf = (input: RowInput) => this.#inputs.find(t => t.name === input.tensor)?.dims[input.timeAxis ?? -1];
    const symbol = symbolOf(spec);
    const same = spec.sameTimeAs
      ? earlier.find(input => input.name === spec.sameTimeAs)
      : earlier.find(input => typeof symbol === 'string' && symbolOf(input) === symbol);
    if (spec.sameTimeAs && !same)
      this.#fault(`${where}: sameTimeAs names "${spec.sameTimeAs}", which is no earlier input`);
    return same && this.#inputs.findIndex(tensor => tensor.name === same.tensor);
  }

  #inputShape(where: string, spec: RowInput, tensor: TensorInfo, axes: Axes, width: number): void {
    this.#axes(where, tensor, axes);
    const time = axes.time === null ? null : tensor.dims[axes.time];
    if (typeof time === 'number' && (spec.time.minimum !== time || spec.time.maximum !== time)) {
      const { minimum, maximum } = spec.time;
      this.#fault(`${where}: the graph takes exactly ${time} time steps, the manifest ${minimum} to ${maximum}`);
    }
    const features = spec.kind === 'numeric' ? tensor.dims[tensor.dims.length - 1] : undefined;
    if (typeof features === 'number' && features !== width) {
      this.#fault(`${where}: the graph takes ${features} features, the manifest names ${width}`);
    }
  }

  head(spec: ManifestHead, inputs: readonly ManifestInput[]): void {
    const where = `head "${spec.name}"`;
    const axes = headAxes(spec);
    const width = headWidth(spec);
    if (spec.input !== undefined && !inputs.some(input => input.name === spec.input && isRowInput(input))) {
      this.#fault(`${where}: there is no input "${spec.input}" to follow`);
    }
    for (const name of headTensors(spec)) {
      const tensor = this.#output(where, name, width === 0 ? undefined : FLOATS);
      if (tensor.dims.length === 0) continue; // a graph may say nothing of an output's shape; the warm-up checks it
      if (width === 0) {
        this.#axes(where, tensor, axes);
        continue;
      }
      const rank = (spec.per === 'step' ? 1 : 0) + (axes.batch === null ? 0 : 1) + (width > 1 ? 1 : 0);
      const squeezable = width === 1 && tensor.dims.length === rank + 1;
      if (tensor.dims.length !== rank && !squeezable) {
        this.#fault(`${where}: graph output "${name}" has shape ${shape(tensor)}, expected ${rank} dimensions`);
        continue;
      }
      const last = tensor.dims[tensor.dims.length - 1];
      if ((width > 1 || squeezable) && typeof last === 'number' && last !== width) {
        this.#fault(`${where}: graph output "${name}" gives ${last} values, the manifest ${width}`);
      }
      this.#axes(where, tensor, axes);
    }
  }

  state(pair: Manifest['state'][number]): SignatureState {
    const where = `state "${pair.input}"`;
    const axes = { batch: pair.batchAxis, time: null };
    const { feed, tensor: input } = this.#feed(where, pair.input, FLOATS, undefined, { axes, role: 'state' });
    const output = this.#output(where, pair.output, FLOATS);
    this.#axes(where, input, axes);
    if (input.dims.some((dim, axis) => axis !== pair.batchAxis && typeof dim !== 'number')) {
      this.#fault(`${where}: shape ${shape(input)} must be fixed but for its batch axis ${pair.batchAxis}`);
    }
    if (input.dtype !== output.dtype || input.dims.length !== (output.dims.length || input.dims.length)) {
      this.#fault(`${where}: its output "${pair.output}" has another type or rank`);
    }
    return { feed, input, output: pair.output, axes };
  }

  /** Every graph input's feed. @throws {LoadError} if anything did not fit. */
  finish(): Feed[] {
    this.#inputs.forEach(({ name }, i) => {
      if (!this.#feeds[i]) this.#fault(`graph input "${name}" is fed by nothing in the manifest`);
    });
    if (this.#faults.length > 0) throw new LoadError(`manifest and graph disagree: ${this.#faults.join('; ')}`);
    return this.#feeds as Feed[];
  }

  #feed(
    where: string,
    name: string,
    dtypes: readonly DType[] | undefined,
    rank: number | undefined,
    feed: Omit<Feed, 'tensor'>,
  ): { feed: number; tensor: TensorInfo } {
    const index = this.#inputs.findIndex(info => info.name === name);
    const tensor = this.#tensor(where, 'input', this.#inputs, name, dtypes);
    if (index < 0) return { feed: index, tensor };
    if (this.#feeds[index]) this.#fault(`${where}: graph input "${name}" is fed twice`);
    this.#feeds[index] = { tensor, ...feed };
    if (rank !== undefined && tensor.dims.length !== rank) {
      this.#fault(`${where}: graph input "${name}" has ${tensor.dims.length} dimensions, expected ${rank}`);
    }
    return { feed: index, tensor };
  }

  #output(where: string, name: string, dtypes: readonly DType[] | undefined): TensorInfo {
    return this.#tensor(where, 'output', [...this.#outputs.values()], name, dtypes);
  }

  #tensor(
    where: string,
    side: 'input' | 'output',
    tensors: readonly TensorInfo[],
    name: string,
    dtypes: readonly DType[] | undefined,
  ): TensorInfo {
    const tensor = tensors.find(info => info.name === name);
    if (!tensor) {
      const known = tensors.map(info => info.name).join(', ');
      this.#fault(`${where}: the graph has no ${side} "${name}" (it has ${known.slice(0, 500)})`);
      return { name, dtype: dtypes?.[0] ?? 'float32', dims: [] };
    }
    if (dtypes && !dtypes.includes(tensor.dtype)) {
      this.#fault(`${where}: graph ${side} "${name}" is ${tensor.dtype}, expected ${dtypes.join(' or ')}`);
    }
    return tensor;
  }

  #axes(where: string, tensor: TensorInfo, { batch, time }: Axes): void {
    const rank = tensor.dims.length;
    if (rank === 0) return;
    if (batch !== null && batch === time)
      this.#fault(`${where}: axis ${batch} cannot hold both the batch and the time`);
    for (const [what, axis] of [
      ['batch', batch],
      ['time', time],
    ] as const) {
      if (axis !== null && axis >= rank) {
        this.#fault(`${where}: a shape of ${rank} dimensions has no ${what} axis ${axis}`);
      }
    }
    if (batch !== null && typeof tensor.dims[batch] === 'number') {
      this.#fault(
        `${where}: axis ${batch} of "${tensor.name}" is fixed to ${tensor.dims[batch]}; export it with a dynamic batch`,
      );
    }
  }

  #fault(text: string): void {
    this.#faults.push(text);
  }
}

function shape({ dims }: TensorInfo): string {
  return `[${dims.map(dim => dim ?? '?').join(', ')}]`;
}
