// Models as the Open Inference Protocol describes them: metadata, Triton's configuration, statistics.
import type { z } from 'zod';
import { type DType, isFloat } from '../../core/tensor.ts';
import type { TensorInfo } from '../../model/onnx/graph.ts';
import type { SignatureControl } from '../../model/signature.ts';
import { openShape } from '../../sequence/check-tensors.ts';
import { servedOutputs } from '../../service/infer.ts';
import type { Model } from '../../service/model.ts';
import type { Tally } from '../../service/statistics.ts';
import { DATATYPES } from '../codec/tensors.ts';
import type { modelMetadata, modelStatistics } from './schemas.ts';

const PLATFORM = 'onnxruntime_onnx';
const EXTENSIONS = [
  'binary_tensor_data',
  'model_configuration',
  'parameters',
  'schedule_policy',
  'sequence',
  'sequence(string_id)',
  'statistics',
];

export function serverMetadataOf(version: string, modelControl: 'none' | 'explicit') {
  const extensions = modelControl === 'explicit' ? [...EXTENSIONS, 'model_repository'] : EXTENSIONS;
  return { name: 'polyhead', version, extensions };
}

export function metadataOf(model: Model, versions: readonly string[]): z.infer<typeof modelMetadata> {
  const tensor = (info: TensorInfo) => ({ name: info.name, datatype: DATATYPES[info.dtype], shape: openShape(info) });
  return {
    name: model.name,
    versions: [...versions],
    platform: PLATFORM,
    inputs: callersInputs(model).map(tensor),
    outputs: servedOutputs(model).map(tensor),
  };
}

/** Triton's ModelConfig. Where every tensor has its batch in front, dims leave it out. */
export function configOf(model: Model, idleS: number) {
  const outputs = servedOutputs(model);
  const inputs = callersInputs(model);
  const tensors = [...inputs, ...outputs];
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
    input: inputs.map(info => (states.has(info.name) ? { ...tensor(info), optional: true } : tensor(info))),
    output: outputs.map(tensor),
    version_policy: { all: {} },
    ...scheduling(model, batched, idleS),
    instance_group: [
      { name: model.name, kind: model.provider.provider === 'cuda' ? 'KIND_GPU' : 'KIND_CPU', count: model.alive() },
    ],
  };
}

/** What requests bring: the server fills in what tells a call's place in its sequence. */
function callersInputs({ signature }: Model): TensorInfo[] {
  return signature.feeds.flatMap(({ tensor, role }) => (role === 'control' ? [] : [tensor]));
}

function scheduling({ signature: { state, controls } }: Model, batched: boolean, idleS: number) {
  if (state.length > 0 || controls.length > 0) {
    return {
      sequence_batching: {
        max_sequence_idle_microseconds: idleS * 1e6,
        direct: {},
        control_input: controls.map(controlOf),
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

const KINDS = { start: 'START', end: 'END', ready: 'READY', id: 'CORRID' };

function controlOf({ spec, tensor: { name, dtype } }: SignatureControl) {
  const kind = `CONTROL_SEQUENCE_${KINDS[spec.kind]}`;
  if (spec.kind === 'id') return { name, control: [{ kind, data_type: `TYPE_${configType(dtype)}` }] };
  const of = dtype === 'bool' ? 'bool' : isFloat(dtype) ? 'fp32' : 'int32';
  const values = of === 'bool' ? spec.values.map(Boolean) : spec.values;
  return { name, control: [{ kind, [`${of}_false_true`]: values }] };
}

function configType(dtype: DType): string {
  return dtype === 'string' ? 'STRING' : DATATYPES[dtype];
}

type ModelStatistics = z.infer<typeof modelStatistics>['model_stats'][number];

export function statisticsOf({ name, version, statistics }: Model): ModelStatistics {
  const { success, fail, queue, collate, run, split, sequences, lastAnswer } = statistics;
  return {
    name,
    version,
    last_inference: lastAnswer,
    inference_count: sequences,
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
