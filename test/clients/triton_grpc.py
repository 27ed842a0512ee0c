"""tritonclient.grpc, calls and streams, against a running server."""
import queue

import numpy
import tritonclient.grpc as grpc
from tritonclient.utils import InferenceServerException

from support import GRPC, MODELS, array, check, golden, refused, run

client = grpc.InferenceServerClient(GRPC)


def inputs_of(model, feeds):
    inputs = []
    for tensor in client.get_model_metadata(model).inputs:
        value = array(feeds[tensor.name], tensor.datatype)
        inputs.append(grpc.InferInput(tensor.name, list(value.shape), tensor.datatype).set_data_from_numpy(value))
    return inputs


def outputs_of(result):
    return {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}


def test_health_and_metadata():
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("tl-lstm", "1")
    assert client.get_server_metadata().name == "polyhead"
    for model in MODELS:
        assert client.get_model_metadata(model).platform == "onnxruntime_onnx"
        config = client.get_model_config(model).config
        assert config.name == model and config.backend == "onnxruntime" and config.input and config.output


def test_every_golden():
    for model in MODELS:
        tolerance, cases = golden(model)
        for case in cases:
            for outputs in (None, [grpc.InferRequestedOutput(name) for name in case["outputs"]]):
                result = client.infer(model, inputs_of(model, case["feeds"]), outputs=outputs, request_id="7")
                assert result.get_response().id == "7"
                check(model, tolerance, case["outputs"], outputs_of(result))


def test_every_golden_by_stream():
    answers = queue.Queue()
    with grpc.InferenceServerClient(GRPC) as streaming:
        streaming.start_stream(lambda result, error: answers.put((result, error)))
        sent = [(model, case) for model in MODELS for case in golden(model)[1]]
        for i, (model, case) in enumerate(sent):
            streaming.async_stream_infer(model, inputs_of(model, case["feeds"]), request_id=str(i))
        for i, (model, case) in enumerate(sent):
            result, error = answers.get(timeout=60)
            assert error is None and result.get_response().id == str(i), error
            check(model, golden(model)[0], case["outputs"], outputs_of(result))


def test_sequences():
    states = {state.input_name for state in client.get_model_config("tl-state").config.sequence_batching.state}
    case = golden("tl-state")[1][-1]
    inputs = [wanted for wanted in inputs_of("tl-state", case["feeds"]) if wanted.name() not in states]
    first = outputs_of(client.infer("tl-state", inputs, sequence_id=11, sequence_start=True))
    again = outputs_of(client.infer("tl-state", inputs, sequence_id=11, sequence_end=True))
    assert any(numpy.abs(first[name] - again[name]).max() > 1e-6 for name in first), "the state was not kept"
    afresh = outputs_of(client.infer("tl-state", inputs, sequence_id=12, sequence_start=True, sequence_end=True))
    assert all(numpy.abs(first[name] - afresh[name]).max() < 1e-6 for name in first)
    refused(InferenceServerException, lambda: client.infer("tl-state", inputs, sequence_id=11), "START flag")


def test_errors_keep_their_words():
    inputs = inputs_of("tl-lstm", golden("tl-lstm")[1][0]["feeds"])
    refused(InferenceServerException, lambda: client.infer("none", inputs), "no model of this name is loaded")
    refused(InferenceServerException, lambda: client.infer("tl-lstm", []), "is missing")


def test_statistics_and_repository():
    found = client.get_inference_statistics("tl-lstm").model_stats
    assert found[0].inference_count > 0 and found[0].inference_stats.success.count > 0
    index = client.get_model_repository_index().models
    assert sorted(entry.name for entry in index) == MODELS and all(entry.state == "READY" for entry in index)
    client.unload_model("tl-names")
    assert not client.is_model_ready("tl-names")
    client.load_model("tl-names")
    assert client.is_model_ready("tl-names")


run(globals())
