"""The KServe client's InferenceRESTClient, protocol v2, against a running server."""
import httpx
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from support import MODELS, URL, array, check, golden, run

BASE = f"http://{URL}"
HALF = "oh-half"
datatypes = {}


def client():
    return InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))


async def request_of(model, case, binary):
    if model not in datatypes:
        metadata = httpx.get(f"{BASE}/v2/models/{model}").json()
        datatypes[model] = {tensor["name"]: tensor["datatype"] for tensor in metadata["inputs"]}
    inputs = []
    for name, feed in case["feeds"].items():
        value = array(feed, datatypes[model][name])
        inputs.append(InferInput(name, list(value.shape), datatypes[model][name]))
        inputs[-1].set_data_from_numpy(value, binary_data=binary)
    wanted = [RequestedOutput(name, parameters={"binary_data": binary}) for name in case["outputs"]]
    return InferRequest(model_name=model, infer_inputs=inputs, request_outputs=wanted)


async def every_golden(binary):
    rest = client()
    for model in MODELS:
        if model == HALF and not binary:
            continue
        tolerance, cases = golden(model)
        for case in cases:
            response = await rest.infer(BASE, await request_of(model, case, binary), model_name=model)
            assert response.model_name == model and response.id
            check(model, tolerance, case["outputs"], {output.name: output.as_numpy() for output in response.outputs})


async def test_health():
    rest = client()
    assert await rest.is_server_live(BASE) and await rest.is_server_ready(BASE)
    assert await rest.is_model_ready(BASE, "tl-lstm")


async def test_json():
    await every_golden(False)


async def test_binary():
    await every_golden(True)


async def test_errors_keep_their_words():
    case = golden("tl-lstm")[1][0]
    request = await request_of("tl-lstm", case, False)
    try:
        await client().infer(BASE, request, model_name="none")
    except httpx.HTTPStatusError as error:
        assert "no model of this name is loaded" in str(error), str(error)
    else:
        raise AssertionError("not refused")


run(globals())
