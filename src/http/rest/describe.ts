// A loaded model as GET /v1/models tells it.
import type { z } from 'zod';
import type { LoadedModel } from '../../service/loaded-model.ts';
import type { modelDescription } from './schemas.ts';

export function describeModel(model: LoadedModel, maxSequences: number): z.infer<typeof modelDescription> {
  const { manifest, graph, provider } = model;
  return {
    name: model.name,
    version: model.version,
    description: manifest.description,
    inputs: manifest.inputs,
    heads: manifest.heads,
    state: manifest.state,
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
      fallback: provider.fallback !== undefined,
      placement: provider.placement && { ...provider.placement },
    },
    golden: model.golden ?? null,
    certificate: model.certificate,
  };
}
