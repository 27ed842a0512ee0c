"""tritonclient.http, the synchronous client, against a running server."""
import numpy
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

from support import MODELS, URL, array, check, golden, refused, run

client = http.InferenceServerClient(URL, concurrency=4)
HALF = "oh-half"


def inputs_of(model, feeds, binary=True):
    inputs = []
    for tensor in client.get_model_metadata(model)["inputs"]:
        value = array(feeds[tensor["name"]], tensor["datatype"])
        wanted = http.InferInput(tensor["name"], list(value.shape), tensor["datatype"])
        wanted.set_data_from_numpy(value, binary_data=binary)
        inputs.append(wanted)
    return inputs


def outputs_of(result):
    return {output["name"]: result.as_numpy(output["name"]) for output in result.get_response()["outputs"]}


def every_golden(binary, answers, **options):
    for model in MODELS:
        if model == HALF and not binary:
            continue
        tolerance, cases = golden(model)
        for case in cases:
            wanted = [http.InferRequestedOutput(name, binary_data=binary) for name in case["outputs"]] if answers else None
            result = client.infer(model, inputs_of(model, case["feeds"], binary), outputs=wanted, **options)
            check(model, tolerance, case["outputs"], outputs_of(result))


def test_health():
    assert client.is_server_live() and client.is_server_ready()
    assert all(client.is_model_ready(model) and client.is_model_ready(model, "1") for model in MODELS)
    assert not client.is_model_ready("none") and not client.is_model_ready(MODELS[0], "7")


def test_metadata():
    metadata = client.get_server_metadata()
    assert metadata["name"] == "polyhead" and "binary_tensor_data" in metadata["extensions"]
    for model in MODELS:
        found = client.get_model_metadata(model)
        assert found["name"] == model and found["versions"] == ["1"] and found["platform"] == "onnxruntime_onnx"
        assert sorted(tensor["name"] for tensor in found["outputs"]) == sorted(golden(model)[1][0]["outputs"])


def test_config():
    for model in MODELS:
        config = client.get_model_config(model)
        assert config["name"] == model and config["backend"] == "onnxruntime" and config["input"] and config["output"]


def test_binary():
    every_golden(binary=True, answers=True)


def test_binary_without_named_outputs():
    every_golden(binary=True, answers=False)


def test_json():
    every_golden(binary=False, answers=True)


def test_gzip_and_deflate():
    for coding in ("gzip", "deflate"):
        every_golden(True, True, request_compression_algorithm=coding, response_compression_algorithm=coding)
        every_golden(False, True, request_compression_algorithm=coding, response_compression_algorithm=coding)


def test_large_answers_are_compressed():
    rows = numpy.random.default_rng(1).standard_normal((256, 5, 3)).astype(numpy.float32)
    inputs = [http.InferInput("x", list(rows.shape), "FP32").set_data_from_numpy(rows)]
    plain = client.infer("tl-lstm", inputs)
    for coding in ("gzip", "deflate"):
        packed = client.infer("tl-lstm", inputs, response_compression_algorithm=coding)
        assert (packed.as_numpy("kind") == plain.as_numpy("kind")).all()
    assert plain.as_numpy("kind").shape == (256, 3)


def test_bytes():
    tolerance, cases = golden("os-labels")
    for binary in (True, False):
        for case in cases:
            wanted = [http.InferRequestedOutput("label", binary_data=binary)]
            label = client.infer("os-labels", inputs_of("os-labels", case["feeds"]), outputs=wanted).as_numpy("label")
            assert [value.decode() if binary else value for value in label.reshape(-1).tolist()] == case["outputs"]["label"]


def test_fp16():
    tolerance, cases = golden(HALF)
    for case in cases:
        result = client.infer(HALF, inputs_of(HALF, case["feeds"]))
        assert result.as_numpy("kind").dtype == numpy.float16
        check(HALF, tolerance, case["outputs"], outputs_of(result))
    json_answer = [http.InferRequestedOutput("kind", binary_data=False)]
    refused(
        InferenceServerException,
        lambda: client.infer(HALF, inputs_of(HALF, cases[0]["feeds"]), outputs=json_answer),
        "use the binary data format",
    )


def test_id_version_and_parameters():
    feeds = golden("tl-lstm")[1][0]["feeds"]
    result = client.infer(
        "tl-lstm", inputs_of("tl-lstm", feeds), model_version="1", request_id="é 42", priority=1, timeout=5_000_000
    ).get_response()
    assert result["id"] == "é 42" and result["model_version"] == "1" and result["model_name"] == "tl-lstm"


def test_async_infer():
    tolerance, cases = golden("tl-lstm")
    pending = [(case, client.async_infer("tl-lstm", inputs_of("tl-lstm", case["feeds"]))) for case in cases * 20]
    for case, request in pending:
        check("tl-lstm", tolerance, case["outputs"], outputs_of(request.get_result()))


def test_errors_keep_their_words():
    feeds = golden("tl-lstm")[1][0]["feeds"]
    inputs = inputs_of("tl-lstm", feeds)
    refused(InferenceServerException, lambda: client.infer("none", inputs), "no model of this name is loaded")
    refused(InferenceServerException, lambda: client.get_model_metadata("none"), "no model of this name is loaded")
    refused(
        InferenceServerException,
        lambda: client.infer("tl-lstm", inputs, outputs=[http.InferRequestedOutput("y")]),
        "unexpected inference output",
    )
    wrong = [http.InferInput("x", [1, 1, 4], "FP32").set_data_from_numpy(numpy.zeros((1, 1, 4), numpy.float32))]
    refused(InferenceServerException, lambda: client.infer("tl-lstm", wrong), "has shape [1, 1, 4]")


def test_statistics():
    def read():
        return client.get_inference_statistics("tl-lstm")["model_stats"][0]

    before = read()
    test_async_infer()
    after = read()
    requests = 20 * len(golden("tl-lstm")[1])
    assert after["inference_stats"]["success"]["count"] - before["inference_stats"]["success"]["count"] == requests
    assert after["inference_count"] - before["inference_count"] == requests
    assert 0 < after["execution_count"] - before["execution_count"] <= requests
    assert len(client.get_inference_statistics()["model_stats"]) == len(MODELS)


def test_sequence():
    tolerance, cases = golden("tl-state")
    x = array(cases[0]["feeds"]["x"], "FP32")  # begins with a state of zeros, as a new sequence does
    value = http.InferInput("x", list(x.shape), "FP32").set_data_from_numpy(x)
    for sequence in (7, "seven"):
        first = client.infer("tl-state", [value], sequence_id=sequence, sequence_start=True)
        check("tl-state", tolerance, {"last": cases[0]["outputs"]["last"]}, {"last": first.as_numpy("last")})
        second = client.infer("tl-state", [value], sequence_id=sequence, sequence_end=True)
        assert (second.as_numpy("last") != first.as_numpy("last")).any()
        whole = numpy.concatenate([x, x], axis=1)
        both = http.InferInput("x", list(whole.shape), "FP32").set_data_from_numpy(whole)
        alone = client.infer("tl-state", [both]).as_numpy("last")
        assert numpy.abs(alone - second.as_numpy("last")).max() <= tolerance


def test_repository():
    index = client.get_model_repository_index()
    assert [(entry["name"], entry["version"], entry["state"]) for entry in index] == [(m, "1", "READY") for m in MODELS]
    feeds = golden("tl-perstep")[1][0]["feeds"]
    inputs = inputs_of("tl-perstep", feeds)
    client.unload_model("tl-perstep")
    assert not client.is_model_ready("tl-perstep")
    refused(InferenceServerException, lambda: client.infer("tl-perstep", inputs), "no model of this name is loaded")
    states = {entry["name"]: entry["state"] for entry in client.get_model_repository_index()}
    assert states["tl-perstep"] == "UNAVAILABLE"
    client.load_model("tl-perstep")
    assert client.is_model_ready("tl-perstep")
    client.infer("tl-perstep", inputs)
    refused(InferenceServerException, lambda: client.load_model("tl-perstep", config="{}"), "config and file:")
    refused(InferenceServerException, lambda: client.load_model("none"), "no model of this name")


run(globals())
