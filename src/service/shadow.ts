// Runs requests a second time by a version that answers nobody, and counts how often it would have said something else.
import type { Tensor, TensorData } from '../core/tensor.ts';
import { patient } from './caller.ts';
import { differ } from './compare.ts';
import { type Inference, type InferRequest, infer } from './infer.ts';
import type { Metrics } from './metrics.ts';
import type { Model } from './model.ts';
import { type Predictions, type PredictRequest, predict } from './predict.ts';

export class Shadow {
  readonly #metrics: Metrics;
  readonly #timeoutMs: number;

  constructor(metrics: Metrics, timeoutMs: number) {
    this.#metrics = metrics;
    this.#timeoutMs = timeoutMs;
  }

  /** Runs the request by `model` and compares when both have ended; whatever happens here, the caller does not notice. */
  predict(model: Model, request: PredictRequest, answered: Promise<Predictions>): void {
    this.#follow(model, answered, predict(model, request, patient(this.#timeoutMs)), (one, other) =>
      one.heads.flatMap(({ spec: { name } }, i) => {
        const place = other.heads.findIndex(({ spec }) => spec.name === name); // its heads may stand in another order
        return one.predictions.some(({ answers }, row) => differ(answers[i], other.predictions[row].answers[place]))
          ? [name]
          : [];
      }),
    );
  }

  /** The same for tensors; only the heads' tensors are compared. */
  infer(model: Model, request: InferRequest, maxRows: number, answered: Promise<Inference>): void {
    const heads = new Map(model.signature.heads.map(({ spec }) => [spec.tensor, spec.name]));
    this.#follow(model, answered, infer(model, request, patient(this.#timeoutMs), { maxRows }), (one, other) => {
      const others = new Map(other.outputs.map(({ name, tensor }) => [name, tensor]));
      return one.outputs.flatMap(({ name, tensor }) => {
        const head = heads.get(name);
        return head !== undefined && tensorsDiffer(tensor, others.get(name)) ? [head] : [];
      });
    });
  }

  #follow<T>(
    model: Model,
    answered: Promise<T>,
    shadowed: Promise<T>,
    differing: (one: T, other: T) => string[],
  ): void {
    const { name, version } = model;
    const count = async () => {
      const [one, other] = await Promise.allSettled([answered, shadowed]);
      if (one.status === 'rejected') return; // the request was at fault, or nobody was answered
      const failed = other.status === 'rejected';
      this.#metrics.shadowRequests.inc({ model: name, version, outcome: failed ? 'failed' : 'answered' });
      if (failed) return;
      for (const head of differing(one.value, other.value)) {
        this.#metrics.shadowDifferences.inc({ model: name, version, head });
      }
    };
    count().catch(() => this.#metrics.shadowRequests.inc({ model: name, version, outcome: 'failed' }));
  }
}

function tensorsDiffer(one: Tensor, other: Tensor | undefined): boolean {
  if (!other) return true;
  const values = (data: TensorData) => Array.from(data as ArrayLike<unknown>, value => plain(value)) as never;
  return `${one.dims}` !== `${other.dims}` || differ(values(one.data), values(other.data));
}

function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}
