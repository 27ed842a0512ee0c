// How to export a graph anew with axes that are free, by who exported it.

const WAYS: readonly [producer: RegExp, way: string][] = [
  [
    /^pytorch/i,
    'torch.onnx.export(…, dynamic_shapes={"x": {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}}), or dynamic_axes={"x": {0: "batch", 1: "time"}} with the older exporter',
  ],
  [
    /^(tf2onnx|keras)/i,
    'a signature of tf.TensorSpec([None, None, 8], tf.float32), or a Keras Input of shape (None, 8)',
  ],
  [/^jax2onnx/i, 'jax2onnx.to_onnx(f, [("B", "T", 8)])'],
  [/^(skl2onnx|onnxmltools|OnnxMLTools)/i, 'initial_types=[("x", FloatTensorType([None, 8]))]'],
];

/** A clause for the end of a sentence; nothing is known of every exporter. */
export function freeAxes(producer: string): string {
  const way = WAYS.find(([pattern]) => pattern.test(producer))?.[1];
  return way ? `: ${way}` : '';
}
