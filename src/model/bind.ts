// Binds a manifest to its graph: checks every name, type and shape, and tells all mismatches in one report.
import { LoadError } from '../core/errors.ts';
import type { DType } from '../core/tensor.ts';
import { freeAxes } from './free-axes.ts';
import type { Manifest, ManifestControl, ManifestHead, ManifestInput, RowInput } from './manifest.ts';
import { mediaFaults } from './media.ts';
import type { Graph, TensorInfo } from './onnx/graph.ts';
import { paddingOf, padFaults, padTo } from './pad.ts';
import { FLAGS, FLOATS, IDS, INPUT_DTYPES, MASKS, STATES, WHOLE } from './role-dtypes.ts';
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
  type SignatureControl,
  type SignatureInput,
  type SignatureState,
} from './signature.ts';

/** Binds a manifest to its graph. @throws {LoadError} that lists every mismatch. */
export function bindSignature(manifest: Manifest, graph: Graph): Signature {
  const binder = new Binder(graph);
  const inputs = manifest.inputs.map(spec => binder.input(spec, manifest.inputs));
  for (const spec of manifest.heads) binder.head(spec, manifest.inputs);
  const state = manifest.state.map(pair => binder.state(pair));
  const batched = inputs.some(({ axes }) => axes.batch !== null);
  const controls = manifest.controls.map(spec => binder.control(spec, batched));
  return assemble(binder.finish(), inputs, manifest.heads, state, controls);
}

class Binder {
  readonly #faults: string[] = [];
  readonly #producer: string;
  readonly #inputs: readonly TensorInfo[];
  readonly #outputs: ReadonlyMap<string, TensorInfo>;
  readonly #feeds: (Feed | undefined)[];

  constructor(graph: Graph) {
    this.#producer = graph.producer;
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
      return { spec, feed, tensor, axes, width, padding: 'none' };
    }
    const rank = spec.kind === 'tensor' ? undefined : (axes.batch === null ? 1 : 2) + (spec.kind === 'numeric' ? 1 : 0);
    const timeOf = this.#timeOf(where, spec, all);
    const { feed, tensor } = this.#feed(where, spec.tensor, INPUT_DTYPES[spec.kind], rank, {
      axes,
      role: 'data',
      timeOf,
      padTo: padTo(spec),
    });
    for (const fault of padFaults(spec, all, this.#inputs[timeOf ?? -1]?.name)) this.#fault(`${where} ${fault}`);
    if (rank === undefined || tensor.dims.length === rank) this.#inputShape(where, spec, tensor, axes, width);
    this.#told(where, spec, axes, feed);
    return { spec, feed, tensor, axes, width, padding: paddingOf(spec) };
  }

  /** The feeds that tell which of its steps are padding. */
  #told(where: string, { lengths, mask }: RowInput, { batch, time }: Axes, of: number): void {
    const inner = { batch: batch === null ? null : 0, time: null };
    if (lengths) this.#feed(`${where} lengths`, lengths, WHOLE, 1, { axes: inner, role: 'lengths', of });
    const axes = batch === null ? { batch, time: 0 } : time === 0 ? { batch, time } : { batch: 0, time: 1 };
    if (mask) this.#feed(`${where} mask`, mask, MASKS, batch === null ? 1 : 2, { axes, role: 'mask', of });
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
    for (const fault of mediaFaults(spec, tensor, axes.batch)) this.#fault(`${where}: ${fault}`);
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
    const { feed, tensor: input } = this.#feed(where, pair.input, STATES, undefined, { axes, role: 'state' });
    const output = this.#output(where, pair.output, STATES);
    this.#axes(where, input, axes);
    if (input.dims.some((dim, axis) => axis !== pair.batchAxis && typeof dim !== 'number')) {
      this.#fault(`${where}: shape ${shape(input)} must be fixed but for its batch axis ${pair.batchAxis}`);
    }
    if (input.dtype !== output.dtype || input.dims.length !== (output.dims.length || input.dims.length)) {
      this.#fault(`${where}: its output "${pair.output}" has another type or rank`);
    }
    return { feed, input, output: pair.output, axes };
  }

  control(spec: ManifestControl, batched: boolean): SignatureControl {
    const where = `control "${spec.input}"`;
    const axes = { batch: batched ? 0 : null, time: null };
    const alone = spec.kind === 'id' ? 0 : spec.values[1];
    const dtypes = spec.kind === 'id' ? IDS : FLAGS;
    const { feed, tensor } = this.#feed(where, spec.input, dtypes, undefined, { axes, role: 'control', alone });
    this.#axes(where, tensor, axes);
    const row = tensor.dims.slice(batched ? 1 : 0);
    if ((batched && tensor.dims.length === 0) || row.some(dim => typeof dim === 'number' && dim !== 1)) {
      this.#fault(`${where}: shape ${shape(tensor)}, expected one value a row`);
    }
    return { spec, feed, tensor, dims: row.map(() => 1) };
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
        `${where}: axis ${batch} of "${tensor.name}" is fixed to ${tensor.dims[batch]}; export it with a dynamic batch${freeAxes(this.#producer)}`,
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
