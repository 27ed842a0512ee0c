// A model that was never loaded, for tests of what reads requests for it: a graph's tensors and nothing behind them.
import assert from 'node:assert/strict';
import { ServiceError } from '../../../src/core/errors.ts';
import { bindSignature } from '../../../src/model/bind.ts';
import type { TensorInfo } from '../../../src/model/onnx/graph.ts';
import type { Model } from '../../../src/service/model.ts';
import { graphOf, HEAD_OUTPUTS, manifestOf } from './models.ts';

export function rawModel(inputs: TensorInfo[], outputs: TensorInfo[] = HEAD_OUTPUTS): Model {
  const graph = graphOf(inputs, outputs);
  const timeOf = (steps: unknown) =>
    typeof steps === 'number' ? { minimum: steps, maximum: steps } : { maximum: 1000 };
  const manifest = manifestOf({
    inputs: inputs.map(({ name, dims }) => ({ name, tensor: name, kind: 'tensor', time: timeOf(dims[1]) })),
    heads: outputs.map(({ name }) => ({ name, tensor: name, kind: 'tensor' })),
  });
  return { name: 'm', version: '3', graph, signature: bindSignature(manifest, graph) } as unknown as Model;
}

/** Asserts that a caller's fault is told, in words of this pattern that are not longer than anyone would read. */
export function assertRefused(act: () => unknown, pattern = /./): void {
  assert.throws(act, (error: unknown) => {
    assert.ok(error instanceof ServiceError, (error as Error).stack);
    assert.match(error.code, /^INVALID_(REQUEST|SEQUENCE)$/);
    assert.match(error.message, pattern);
    assert.ok(error.message.length < 500, error.message);
    return true;
  });
}
