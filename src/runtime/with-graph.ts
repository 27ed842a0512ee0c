// Additions to a graph as it is opened, never on disk.
import { bytesField } from '../core/protobuf.ts';

const MODEL_GRAPH = 7;

/** A model's bytes with what a second graph says: at the end of the file it is merged with the first one. */
export function withGraph(model: Uint8Array, additions: readonly Buffer[]): Uint8Array {
  return Buffer.concat([model, bytesField(MODEL_GRAPH, Buffer.concat(additions))]);
}
