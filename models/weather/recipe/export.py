"""Writes the graph, opset 17. The legacy exporter is used, since only it turns packed sequences into the LSTM
operator's `sequence_lens`, which make the state outputs right for ragged batches."""
import warnings

import onnx
import torch


class Served(torch.nn.Module):
    """The network with `lengths` known to be sorted, so that no sorting operators enter the graph. The ONNX operator
    itself takes lengths in any order."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x, lengths, *state):
        return self.model(x, lengths, state, sorted_lengths=True)


def export(model, path):
    """Writes `path` with dynamic batch and time, and without the exporter's notes on source lines."""
    x = torch.zeros(3, 5, 7)
    lengths = torch.tensor([5, 4, 2])
    before, after = [s + "0" for s in model.state], [s + "n" for s in model.state]
    axes = {"x": {0: "batch", 1: "time"}, "lengths": {0: "batch"}}
    axes |= {name: {1: "batch"} for name in before + after}
    axes |= {name: {0: "batch"} for name in model.outputs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shape inference of PackPadded, deprecation of this exporter
        torch.onnx.export(
            Served(model).eval(), (x, lengths, *model.fresh(3)), str(path), dynamo=False, opset_version=17,
            input_names=["x", "lengths", *before], output_names=[*model.outputs, *after], dynamic_axes=axes,
        )
    model_proto = onnx.load(path)
    tidy(model_proto.graph)
    onnx.checker.check_model(model_proto, full_check=True)
    onnx.save(model_proto, path)


def tidy(graph):
    """Short names, and no notes on source lines. Constants become initializers, equal ones once."""
    graph.name = "weather"
    kept = {i.name for i in graph.input} | {o.name for o in graph.output}
    names, shared, nodes = {}, {}, []
    for weight in graph.initializer:
        old, weight.name = weight.name, ""
        names[old] = shared.setdefault(weight.SerializeToString(), old.removeprefix("model."))
        weight.name = names[old]
    for node in graph.node:
        if node.op_type == "Constant":
            value = node.attribute[0].t
            value.name = ""
            known = value.SerializeToString()
            names[node.output[0]] = shared.get(known)
            if known not in shared:
                names[node.output[0]] = shared[known] = value.name = f"constant_{len(shared)}"
                graph.initializer.append(value)
        elif node.op_type == "Identity" and node.output[0] not in kept:
            names[node.output[0]] = names.get(node.input[0], node.input[0])
        else:
            nodes.append(node)
    for number, node in enumerate(nodes):
        node.name = f"{node.op_type}_{number}"
        node.doc_string = ""
        del node.metadata_props[:]
        for place, old in enumerate(node.output):
            if old and old not in kept:
                names[old] = node.name + (f"_{place}" if place else "")
        node.input[:] = [names.get(i, i) for i in node.input]
        node.output[:] = [names.get(o, o) for o in node.output]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
