"""The 8-bit weights of a dynamically quantised graph without their sign, moved by 128 with their zero points: to the bit
the same numbers. Processors with AVX2 but no VNNI add products of unsigned activations and signed weights in 16 bits,
which saturate; products of unsigned weights they add in 32. `quantize_dynamic(weight_type=QUInt8)` leaves LSTM signed."""
import numpy as np
from onnx import TensorProto, numpy_helper

WEIGHTS = {"DynamicQuantizeLSTM": {1: 9, 2: 11}, "MatMulInteger": {1: 3}}  # operator: {weight input: its zero point}


def unsigned(model):
    """The model, changed in place."""
    tensors = {t.name: t for t in model.graph.initializer if t.data_type == TensorProto.INT8}
    moved = set()
    for node in model.graph.node:
        for pair in WEIGHTS.get(node.op_type, {}).items():
            moved |= {node.input[i] for i in pair} & tensors.keys()
    if moved != tensors.keys():
        raise ValueError(f"{sorted(tensors.keys() - moved)} is no weight or zero point of {', '.join(WEIGHTS)}")
    for name in moved:
        values = numpy_helper.to_array(tensors[name]).astype(np.int16) + 128
        tensors[name].CopyFrom(numpy_helper.from_array(values.astype(np.uint8), name))
    return model
