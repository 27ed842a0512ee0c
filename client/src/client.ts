// What the package is: connect to a server, take a model by name, and the types around both.
import { Model } from './model.ts';
import type { AnyModels, Description, ModelTypes } from './shapes.ts';
import { type ConnectOptions, Transport } from './transport.ts';

export type { Live, LiveOptions } from './live.ts';
export type { Attribution, Attributions, ExplainOptions, Explanation, Predictions, PredictOptions } from './model.ts';
export { Model } from './model.ts';
export type { Fault, ProblemCode } from './problem.ts';
export { Problem } from './problem.ts';
export type * from './shapes.ts';
export type { SequenceSlice, Slice } from './slices.ts';
export type { Carried, SliceOptions, Steps, Stream } from './steps.ts';
export type { CallOptions, ConnectOptions } from './transport.ts';

/** Models by name: as `types` writes them, the whole module or its interface `Models`. */
type ModelsOf<S> = S extends { readonly models: infer M } ? M : S;
type TypesOf<S, N extends keyof ModelsOf<S>> = ModelsOf<S>[N] extends ModelTypes ? ModelsOf<S>[N] : AnyModels[string];

export interface Client<S = AnyModels> {
  /**
   * A loaded model: its newest version, or the one named.
   * @throws {Problem} MODEL_NOT_FOUND
   */
  model<N extends keyof ModelsOf<S> & string>(
    name: N,
    options?: { readonly version?: string },
  ): Promise<Model<TypesOf<S, N>>>;
  /** Everything that is loaded. */
  models(): Promise<readonly Description[]>;
}

/** Nothing is sent before the first call. `url` is such as http://localhost:8080. */
export function connect<S = AnyModels>(url: string, options: ConnectOptions = {}): Client<S> {
  const transport = new Transport(url, options);
  return {
    async model(name, { version } = {}) {
      const path = `/v1/models/${encodeURIComponent(name)}${version === undefined ? '' : `/versions/${version}`}`;
      return new Model(transport, path, await transport.json<Description>(path));
    },
    models: async () => (await transport.json<{ models: Description[] }>('/v1/models')).models,
  };
}
