"""Speech probabilities by the silero-vad package itself, chunk by chunk, for silero.test.ts to compare with.

silero.py PACKAGE SAMPLES.f32 GRAPH... prints {graph: [probability, ...]}. The package's OnnxWrapper asks torch for little
more than arrays; so that nobody downloads torch for it, numpy stands in.
"""

import importlib.util
import json
import os
import sys
import types

import numpy as np


class Tensor(np.ndarray):
    def dim(self):
        return self.ndim

    def float(self):
        return self.astype(np.float32).view(Tensor)

    def numpy(self):
        return np.asarray(self)

    def unsqueeze(self, axis):
        return np.expand_dims(self, axis).view(Tensor)


torch = types.ModuleType("torch")
torch.Tensor = Tensor
torch.from_numpy = lambda array: array.view(Tensor)
torch.zeros = lambda *shape: np.zeros(shape[0] if isinstance(shape[0], tuple) else shape, np.float32).view(Tensor)
torch.cat = lambda parts, dim: np.concatenate(parts, axis=dim).view(Tensor)
torch.no_grad = lambda: lambda function: function
torch.device = str
packaging = types.ModuleType("packaging")
packaging.version = None
sys.modules.update(torch=torch, packaging=packaging)

package, samples, *graphs = sys.argv[1:]
spec = importlib.util.spec_from_file_location("utils_vad", os.path.join(package, "utils_vad.py"))
utils_vad = importlib.util.module_from_spec(spec)
spec.loader.exec_module(utils_vad)

signal = np.fromfile(samples, np.float32)
said = {}
for graph in graphs:
    model = utils_vad.OnnxWrapper(os.path.join(package, "data", f"{graph}.onnx"), force_onnx_cpu=True)
    chunks = [signal[i : i + 512] for i in range(0, len(signal) - 511, 512)]
    said[graph] = [model(torch.from_numpy(chunk), 16000).item() for chunk in chunks]
print(json.dumps(said))
