// onnxruntime itself; the only file that knows it. Below its own JavaScript side, which before every run waits a turn of the
// event loop and checks once more what is checked by then: for a lone short run that took as long as the run.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { InferenceSession } from 'onnxruntime-node';
import { binding } from 'onnxruntime-node/dist/binding.js';
import type { DType, Tensor, TensorData, Tensors } from '../core/tensor.ts';

export type NativeOptions = InferenceSession.SessionOptions;

/** Called by the runtime as a constructor for every output. */
function output(dtype: DType, data: TensorData, dims: readonly number[]): Tensor {
  return { dtype, dims, data };
}

/** Whatever fails is thrown as well, and told by whoever asked. */
const FATAL = 4;
binding.initOrtOnce(FATAL, output as never, isMainThread);

/** Where the runtime looks for CUDA. Asking for CUDA without it makes the runtime shout on standard error. */
const CUDA_LIBRARY = path.join(
  path.dirname(createRequire(import.meta.url).resolve('onnxruntime-node')),
  `../bin/napi-v6/${process.platform}/${process.arch}/libonnxruntime_providers_cuda.so`,
);

/** Whether the CUDA provider's library lies beside the runtime. Whether it loads, only a session can tell. */
export function cudaInstalled(): boolean {
  return existsSync(CUDA_LIBRARY);
}

/** A session that holds its thread while it is opened and while it runs. */
export class NativeSession {
  readonly #session = new binding.InferenceSession();
  /** Outputs that are wanted, as the runtime wants them told; few differ. */
  readonly #wanted = new WeakMap<readonly string[], Record<string, null>>();

  /** @throws {Error} the runtime's own, if the graph cannot be opened. */
  constructor(graph: string | Uint8Array, options: NativeOptions) {
    if (typeof graph === 'string') this.#session.loadModel(graph, options);
    else this.#session.loadModel(graph.buffer as ArrayBuffer, graph.byteOffset, graph.byteLength, options);
  }

  /** @throws {Error} the runtime's own. */
  run(feeds: Tensors, fetches: readonly string[]): Tensors {
    const given: Record<string, object> = {};
    for (const name in feeds) {
      const { dtype, data, dims } = feeds[name];
      given[name] = { type: dtype, data, dims, location: 'cpu' };
    }
    const results = this.#session.run(given as never, this.#wantedOf(fetches), {}) as unknown as Tensors;
    const outputs: Tensors = {};
    for (const name of fetches) outputs[name] = results[name];
    return outputs;
  }

  #wantedOf(fetches: readonly string[]): Record<string, null> {
    let wanted = this.#wanted.get(fetches);
    if (!wanted) {
      wanted = Object.fromEntries(fetches.map(name => [name, null]));
      this.#wanted.set(fetches, wanted);
    }
    return wanted;
  }

  endProfiling(): void {
    this.#session.endProfiling();
  }

  release(): void {
    this.#session.dispose();
  }
}
