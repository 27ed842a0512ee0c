// Whether every model can answer, and what is in the way.
import type { Refusal } from './loader.ts';
import type { Models } from './shelves.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly status:
    | 'ready'
    | 'draining'
    | `loading ${number} of ${number}`
    | 'no model is loaded'
    | 'a model has no worker left'
    | 'a run does not end';
  readonly models: readonly { readonly model: string; readonly version: string; readonly workers: number }[];
  readonly refused: readonly Pick<Refusal, 'model' | 'version'>[];
}

export function readinessOf(models: Models, draining: boolean, runTimeoutMs: number): Readiness {
  const serving = models.all().map(model => ({ model: model.name, version: model.version, workers: model.alive() }));
  const status = draining ? 'draining' : statusOf(models, serving, runTimeoutMs);
  const refused = models.refused.map(({ model, version }) => ({ model, version }));
  return { ready: status === 'ready', status, models: serving, refused };
}

function statusOf(models: Models, serving: Readiness['models'], runTimeoutMs: number): Readiness['status'] {
  const { progress } = models;
  if (progress) return `loading ${progress.done} of ${progress.of}`;
  if (serving.length === 0) return 'no model is loaded';
  if (serving.some(({ workers }) => workers === 0)) return 'a model has no worker left';
  return longestRunMs(models) > runTimeoutMs ? 'a run does not end' : 'ready';
}

/** How long the oldest run in progress has been going on; 0 if there is none. */
export function longestRunMs(models: Models): number {
  return Math.max(0, ...models.all().map(({ batcher }) => batcher.runningMs));
}
