// A loaded model as GET /v1/models tells it.
import type { z } from 'zod';
import type { ManifestHead } from '../../model/manifest.ts';
import type { Model } from '../../service/model.ts';
import type { modelDescription } from './schemas.ts';

export function describeModel(model: Model, labels: string[], maxSequences: number): z.infer<typeof modelDescription> {
  const { manifest, graph, provider } = model;
  return {
    name: model.name,
    version: model.version,
    labels,
    description: manifest.description,
    inputs: manifest.inputs,
    heads: manifest.heads.map(withoutTransitions),
    state: manifest.state,
    controls: manifest.controls,
    limits: { ...model.limits, sequencesPerRequest: maxSequences },
    manifest: model.inferred ? 'inferred' : 'given',
    mixing: model.mixing,
    digest: { sha256: graph.sha256, externalData: graph.externalData.map(external => ({ ...external })) },
    graph: {
      producer: graph.producer,
      opsets: { ...graph.opsets },
      operators: { ...graph.operators },
      parameters: graph.parameters,
      bytes: graph.bytes,
      metadata: { ...graph.metadata },
    },
    executionProvider: {
      requested: provider.requested,
      got: provider.provider,
      device: provider.device,
      driver: provider.driver,
      tf32: provider.tf32,
      fallback: provider.fallback !== undefined,
      reason: provider.measured && provider.reason,
      placement: provider.placement && { ...provider.placement },
    },
    golden: model.golden ?? null,
    certificate: model.certificate,
  };
}

/** A table of thousands of numbers, which no caller needs. */
function withoutTransitions(head: ManifestHead): ManifestHead {
  return head.kind === 'sequence-labels' ? { ...head, transitions: undefined } : head;
}
