"""The KServe client's InferenceGRPCClient against a running server."""
import grpc
import httpx
from kserve import InferenceGRPCClient, InferInput, InferRequest
from kserve.protocol.infer_type import RequestedOutput

from support import GRPC, MODELS, URL, array, check, golden, run

HALF = "oh-half"


def request_of(metadata, model, case, raw):
    inputs = []
    for name, feed in case["feeds"].items():
        value = array(feed, metadata[name])
        inputs.append(InferInput(name, list(value.shape), metadata[name]))
        inputs[-1].set_data_from_numpy(value, binary_data=raw)
    outputs = [RequestedOutput(name) for name in case["outputs"]]
    return InferRequest(model_name=model, infer_inputs=inputs, request_outputs=outputs)


async def every_golden(raw):
    client = InferenceGRPCClient(GRPC)
    for model in MODELS:
        if model == HALF and not raw:
            continue
        described = httpx.get(f"http://{URL}/v2/models/{model}").json()["inputs"]
        metadata = {tensor["name"]: tensor["datatype"] for tensor in described}
        tolerance, cases = golden(model)
        for case in cases:
            response = await client.infer(request_of(metadata, model, case, raw))
            check(model, tolerance, case["outputs"], {output.name: output.as_numpy() for output in response.outputs})


async def test_health():
    client = InferenceGRPCClient(GRPC)
    assert await client.is_server_live() and await client.is_server_ready() and await client.is_model_ready("tl-lstm")


async def test_raw():
    await every_golden(True)


async def test_typed():
    await every_golden(False)


async def test_errors_keep_their_words():
    request = request_of({"x": "FP32"}, "none", {"feeds": {"x": {"dims": [1, 1, 1], "data": [1.0]}}, "outputs": {}}, True)
    try:
        await InferenceGRPCClient(GRPC).infer(request)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND and "no model of this name" in error.details(), error
    else:
        raise AssertionError("not refused")


run(globals())
