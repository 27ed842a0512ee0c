// The runtime's refusals in one line, from texts that it really writes.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runtimeReason } from '../../src/runtime/reason.ts';

const FILE = '/srv/models/m/1/model.onnx';
const TEXTS: [given: string, told: string][] = [
  [
    `Load model from ${FILE} failed:This is an invalid model. In Node, ("p", Polish, "", -1) : ("x": tensor(float),) -> ("y": tensor(float),) , Error No Op registered for Polish with domain_version of 17`,
    'model.onnx: Polish "p": No Op registered for Polish with domain_version of 17',
  ],
  [
    `Load model from ${FILE} failed:/onnxruntime_src/onnxruntime/core/graph/model_load_utils.h:46 void onnxruntime::model_load_utils::ValidateOpsetForDomain(const std::unordered_map<std::__cxx11::basic_string<char>, int>&, const onnxruntime::logging::Logger&, bool, const std::string&, int) ONNX Runtime only *guarantees* support for models stamped with official released onnx opset versions.\n`,
    'model.onnx: ONNX Runtime only *guarantees* support for models stamped with official released onnx opset versions.',
  ],
  [
    `Load model from ${FILE} failed:Type Error: Type parameter (T) of Optype (Add) bound to different types (tensor(float) and tensor(int64) in node (add).`,
    'model.onnx: Type Error: Type parameter (T) of Optype (Add) bound to different types (tensor(float) and tensor(int64) in node (add).',
  ],
  [
    "Non-zero status code returned while running Gather node. Name:'' Status Message: indices element out of data bounds, idx=99 must be within the inclusive range [-12,11]",
    'Gather: indices element out of data bounds, idx=99 must be within the inclusive range [-12,11]',
  ],
  [
    "Non-zero status code returned while running LSTM node. Name:'lstm' Status Message: /onnxruntime_src/onnxruntime/core/providers/cpu/rnn/deep_cpu_lstm.cc:251 virtual onnxruntime::common::Status onnxruntime::DeepCpuLstmOp::Compute(onnxruntime::OpKernelContext*) const LSTM operator does not support double yet\n",
    'LSTM "lstm": LSTM operator does not support double yet',
  ],
  [`${FILE} cannot be read`, 'model.onnx cannot be read'],
];

for (const [given, told] of TEXTS) it(told.slice(0, 60), () => assert.equal(runtimeReason(given, FILE), told));
