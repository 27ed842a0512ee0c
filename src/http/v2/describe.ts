// Models as the Open Inference Protocol describes them: metadata, Triton's configuration, statistics.
import type { z } from 'zod';
import type { DType } from '../../core/tensor.ts';
import type { TensorInfo } from '../../model/graph.ts';
import { openShape } from '../../sequence/check-tensors.ts';
import { servedOutputs } from '../../service/infer.ts';
import type { LoadedModel } from '../../service/loaded-model.ts';
import type { Tally } from '../../service/statistics.ts';
import { DATATYPES } from '../codec/tensors.ts';
import type { modelMetadata, modelStatistics } from './schemas.ts';

const PLATFORM = 'onnxruntime_onnx';

export function metadataOf(model: LoadedModel, versions: readonly string[]): z.infer<typeof modelMetadata> {
  const tensor = (info: TensorInfo) => ({ name: info.name, datatype: DATATYPES[info.dtype], shape: openShape(info) });
  return {
    name: model.name,
    versions: [...versions],
    platform: PLATFORM,
    inputs: model.graph.inputs.map(tensor),
    outputs: servedOutputs(model).map(tensor),
  };
}

/** Triton's ModelConfig. Where every tensor has its batch in front, dims leave it out. */
export function configOf(model: LoadedModel, idleS: number) {
  const outputs = servedOutputs(model);
  const tensors = [...model.graph.inputs, ...outputs];
  const { axes } = model.certificate;
  const batched = model.mixing !== 'alone' && tensors.every(({ name }) => axes[name]?.batch === 0);
  const states = new Set(model.signature.state.map(({ input }) => input.name));
  const tensor = (info: TensorInfo) => ({
    name: info.name,
    data_type: `TYPE_${configType(info.dtype)}`,
    dims: openShape(info).slice(batched ? 1 : 0),
  });
  return {
    name: model.name,
    platform: PLATFORM,
    backend: 'onnxruntime',
    max_batch_size: batched ? model.limits.batchSize : 0,
    input: model.graph.inputs.map(info => (states.has(info.name) ? { ...tensor(info), optional: true } : tensor(info))),
    output: outputs.map(tensor),
    version_policy: { all: {} },
    ...scheduling(model, batched, idleS),
    instance_group: [
      { name: model.name, kind: model.provider.provider === 'cuda' ? 'KIND_GPU' : 'KIND_CPU', count: model.alive() },
    ],
  };
}

function scheduling({ signature: { state } }: LoadedModel, batched: boolean, idleS: number) {
  if (state.length > 0) {
    return {
      sequence_batching: {
        max_sequence_idle_microseconds: idleS * 1e6,
        direct: {},
        state: state.map(({ input, output, axes }) => ({
          input_name: input.name,
          output_name: output,
          data_type: `TYPE_${configType(input.dtype)}`,
          dims: input.dims.filter((_, axis) => axis !== axes.batch),
        })),
      },
    };
  }
  return batched ? { dynamic_batching: { preferred_batch_size: [], max_queue_delay_microseconds: 0 } } : {};
}

function configType(dtype: DType): string {
  return dtype === 'string' ? 'STRING' : DATATYPES[dtype];
}

type ModelStatistics = z.infer<typeof modelStatistics>['model_stats'][number];

export function statisticsOf({ name, version, statistics }: LoadedModel): ModelStatistics {
  const { success, fail, queue, collate, run, split, rows, lastAnswer } = statistics;
  return {
    name,
    version,
    last_inference: lastAnswer,
    inference_count: rows,
    execution_count: run.count,
    inference_stats: {
      success: duration(success),
      fail: duration(fail),
      queue: duration(queue),
      compute_input: duration(collate),
      compute_infer: duration(run),
      compute_output: duration(split),
      cache_hit: duration(),
      cache_miss: duration(),
    },
    response_stats: {},
    batch_stats: statistics.sizes().map(of => ({
      batch_size: of.size,
      compute_input: duration(of.collate),
      compute_infer: duration(of.run),
      compute_output: duration(of.split),
    })),
    memory_usage: [],
  };
}

function duration({ count, milliseconds }: Tally = { count: 0, milliseconds: 0 }) {
  return { count, ns: Math.round(milliseconds * 1e6) };
}
