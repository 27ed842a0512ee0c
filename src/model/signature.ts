// The manifest bound to the graph: every tensor the server will feed or fetch, with its checked shape.
import { LoadError } from '../core/errors.ts';
import type { DType } from '../core/tensor.ts';
import type { Graph, TensorInfo } from './graph.ts';
import type { Manifest, ManifestHead, ManifestInput } from './manifest.ts';

export interface SignatureInput {
  readonly spec: ManifestInput;
  readonly tensor: TensorInfo;
  readonly lengths?: TensorInfo;
  readonly mask?: TensorInfo;
  /** Values a time step holds: the feature count, or 1 for ids and tokens. */
  readonly width: number;
}

export interface SignatureHead {
  readonly spec: ManifestHead;
  /** Values a row (or a row's time step) holds: the class count, or 1. */
  readonly width: number;
}

export interface SignatureState {
  readonly input: TensorInfo;
  readonly output: string;
  readonly batchAxis: number;
}

export interface Signature {
  readonly inputs: readonly SignatureInput[];
  readonly heads: readonly SignatureHead[];
  readonly state: readonly SignatureState[];
  /** The graph outputs a prediction needs; state outputs are left out, which saves their copy. */
  readonly fetches: readonly string[];
  /** Whether every input tells the graph which steps are padding, so that lengths may differ within a run. */
  readonly maskable: boolean;
}

const INPUT_DTYPES: Record<ManifestInput['kind'], readonly DType[]> = {
  numeric: ['float32', 'float64'],
  index: ['int64', 'int32'],
  token: ['string'],
};
const LENGTH_DTYPES: readonly DType[] = ['int64', 'int32'];
const MASK_DTYPES: readonly DType[] = ['bool', 'int64', 'int32', 'float32', 'float64'];
const HEAD_DTYPES: readonly DType[] = ['float32', 'float64'];

/** Binds a manifest to its graph. @throws {LoadError} that lists every mismatch. */
export function bindSignature(manifest: Manifest, graph: Graph): Signature {
  const binder = new Binder(graph);
  const inputs = manifest.inputs.map(spec => binder.input(spec));
  const heads = manifest.heads.map(spec => binder.head(spec));
  const state = manifest.state.map(pair => binder.state(pair));
  binder.finish();
  return {
    inputs,
    heads,
    state,
    fetches: [...new Set(manifest.heads.flatMap(headTensors))],
    maskable: inputs.every(input => input.lengths || input.mask),
  };
}

/** The graph outputs that a head reads. */
export function headTensors(head: ManifestHead): string[] {
  const interval = head.kind === 'regression' ? head.interval : undefined;
  return interval ? [head.tensor, interval.lower, interval.upper] : [head.tensor];
}

class Binder {
  readonly #faults: string[] = [];
  readonly #inputs: Map<string, TensorInfo>;
  readonly #outputs: Map<string, TensorInfo>;
  readonly #used = new Set<string>();

  constructor(graph: Graph) {
    this.#inputs = new Map(graph.inputs.map(info => [info.name, info]));
    this.#outputs = new Map(graph.outputs.map(info => [info.name, info]));
  }

  input(spec: ManifestInput): SignatureInput {
    const numeric = spec.kind === 'numeric';
    const width = numeric ? spec.features.length : 1;
    const where = `input "${spec.name}"`;
    const tensor = this.#feed(where, spec.tensor, INPUT_DTYPES[spec.kind], numeric ? 3 : 2);
    if (tensor.dims.length === (numeric ? 3 : 2)) this.#inputShape(where, spec, tensor, width);
    const lengths = spec.lengths ? this.#feed(`${where} lengths`, spec.lengths, LENGTH_DTYPES, 1) : undefined;
    const mask = spec.mask ? this.#feed(`${where} mask`, spec.mask, MASK_DTYPES, 2) : undefined;
    return { spec, tensor, lengths, mask, width };
  }

  #inputShape(where: string, spec: ManifestInput, tensor: TensorInfo, width: number): void {
    const [, time, features] = tensor.dims;
    this.#batch(where, tensor, 0);
    if (typeof time === 'number' && (spec.time.minimum !== time || spec.time.maximum !== time)) {
      const { minimum, maximum } = spec.time;
      this.#fault(`${where}: the graph takes exactly ${time} time steps, the manifest ${minimum} to ${maximum}`);
    }
    if (typeof features === 'number' && features !== width) {
      this.#fault(`${where}: the graph takes ${features} features, the manifest names ${width}`);
    }
  }

  head(spec: ManifestHead): SignatureHead {
    const width = spec.kind === 'multiclass' || spec.kind === 'multilabel' ? spec.labels.length : 1;
    for (const name of headTensors(spec)) {
      const where = `head "${spec.name}"`;
      const tensor = this.#tensor(where, 'output', this.#outputs, name, HEAD_DTYPES);
      const rank = (spec.per === 'step' ? 2 : 1) + (width > 1 ? 1 : 0);
      const squeezable = width === 1 && tensor.dims.length === rank + 1;
      if (tensor.dims.length === 0) continue; // a graph may say nothing of an output's shape; the warm-up checks it
      if (tensor.dims.length !== rank && !squeezable) {
        this.#fault(
          `${where}: graph output "${name}" has shape [${tensor.dims.join(', ')}], expected ${rank} dimensions`,
        );
        continue;
      }
      const last = tensor.dims[tensor.dims.length - 1];
      if ((width > 1 || squeezable) && typeof last === 'number' && last !== width) {
        this.#fault(`${where}: graph output "${name}" gives ${last} values, the manifest ${width}`);
      }
      this.#batch(where, tensor, 0);
    }
    return { spec, width };
  }

  state(pair: Manifest['state'][number]): SignatureState {
    const where = `state "${pair.input}"`;
    const input = this.#feed(where, pair.input, HEAD_DTYPES, undefined);
    const output = this.#tensor(where, 'output', this.#outputs, pair.output, HEAD_DTYPES);
    this.#batch(where, input, pair.batchAxis);
    if (input.dims.length > 0 && pair.batchAxis >= input.dims.length) {
      this.#fault(`${where}: a shape of ${input.dims.length} dimensions has no batch axis ${pair.batchAxis}`);
    }
    if (input.dims.some((dim, axis) => axis !== pair.batchAxis && typeof dim !== 'number')) {
      this.#fault(`${where}: shape [${input.dims.join(', ')}] must be fixed but for its batch axis ${pair.batchAxis}`);
    }
    if (input.dtype !== output.dtype || input.dims.length !== (output.dims.length || input.dims.length)) {
      this.#fault(`${where}: its output "${pair.output}" has another type or rank`);
    }
    return { input, output: pair.output, batchAxis: pair.batchAxis };
  }

  /** @throws {LoadError} if anything did not fit. */
  finish(): void {
    for (const name of this.#inputs.keys()) {
      if (!this.#used.has(name)) this.#fault(`graph input "${name}" is fed by nothing in the manifest`);
    }
    if (this.#faults.length > 0) throw new LoadError(`manifest and graph disagree: ${this.#faults.join('; ')}`);
  }

  #feed(where: string, name: string, dtypes: readonly DType[], rank: number | undefined): TensorInfo {
    const tensor = this.#tensor(where, 'input', this.#inputs, name, dtypes);
    if (this.#used.has(name)) this.#fault(`${where}: graph input "${name}" is fed twice`);
    this.#used.add(name);
    if (rank !== undefined && this.#inputs.has(name) && tensor.dims.length !== rank) {
      this.#fault(`${where}: graph input "${name}" has ${tensor.dims.length} dimensions, expected ${rank}`);
    }
    return tensor;
  }

  #tensor(
    where: string,
    side: 'input' | 'output',
    tensors: Map<string, TensorInfo>,
    name: string,
    dtypes: readonly DType[],
  ): TensorInfo {
    const tensor = tensors.get(name);
    if (!tensor) {
      this.#fault(`${where}: the graph has no ${side} "${name}" (it has ${[...tensors.keys()].join(', ')})`);
      return { name, dtype: dtypes[0], dims: [] };
    }
    if (!dtypes.includes(tensor.dtype)) {
      this.#fault(`${where}: graph ${side} "${name}" is ${tensor.dtype}, expected ${dtypes.join(' or ')}`);
    }
    return tensor;
  }

  #batch(where: string, tensor: TensorInfo, axis: number): void {
    if (typeof tensor.dims[axis] === 'number') {
      this.#fault(
        `${where}: axis ${axis} of "${tensor.name}" is fixed to ${tensor.dims[axis]}; export it with a dynamic batch`,
      );
    }
  }

  #fault(text: string): void {
    this.#faults.push(text);
  }
}
