"""MLServer's types of the protocol, as models of pydantic: every answer of ours is one of them, and theirs are requests."""
import importlib.util
import pathlib
import sysconfig

import httpx
from pydantic import TypeAdapter

from support import MODELS, URL, golden, run

BASE = f"http://{URL}/v2"
FOLDER = pathlib.Path(sysconfig.get_path("purelib")) / "mlserver" / "types"
spec = importlib.util.spec_from_file_location("mlserver_types", FOLDER / "__init__.py")
types = importlib.util.module_from_spec(spec)
importlib.sys.modules["mlserver_types"] = types
spec.loader.exec_module(types)


def text(path):
    reply = httpx.get(f"{BASE}{path}")
    assert reply.status_code == 200, reply.text
    return reply.text


def test_server_metadata():
    server = types.MetadataServerResponse.model_validate_json(text(""))
    assert server.name == "polyhead" and "binary_tensor_data" in server.extensions


def test_model_metadata():
    for model in MODELS:
        found = types.MetadataModelResponse.model_validate_json(text(f"/models/{model}"))
        assert found.name == model and found.inputs and found.outputs
        for tensor in [*found.inputs, *found.outputs]:
            assert types.Datatype(tensor.datatype), tensor


def test_inference():
    asked = 0
    for model in MODELS:
        datatypes = {
            tensor.name: tensor.datatype
            for tensor in types.MetadataModelResponse.model_validate_json(text(f"/models/{model}")).inputs
        }
        if "FP16" in datatypes.values():
            continue
        _, cases = golden(model)
        for case in cases:
            inputs = [
                types.RequestInput(name=name, shape=feed["dims"], datatype=datatypes[name], data=feed["data"])
                for name, feed in case["feeds"].items()
            ]
            body = types.InferenceRequest(id="a", inputs=inputs).model_dump_json(exclude_none=True)
            reply = httpx.post(f"{BASE}/models/{model}/infer", content=body)
            assert reply.status_code == 200, reply.text
            answer = types.InferenceResponse.model_validate_json(reply.text)
            assert answer.model_name == model and answer.id == "a"
            assert {output.name for output in answer.outputs} >= set(case["outputs"]), model
            asked += 1
    assert asked > 10, asked


def test_errors():
    reply = httpx.get(f"{BASE}/models/no-such-model")
    assert reply.status_code == 404
    assert types.MetadataModelErrorResponse.model_validate_json(reply.text).error
    model = MODELS[0]
    reply = httpx.post(f"{BASE}/models/{model}/infer", json={"inputs": []})
    assert reply.status_code == 400 and types.InferenceErrorResponse.model_validate_json(reply.text).error


def test_repository_index():
    reply = httpx.post(f"{BASE}/repository/index", json=types.RepositoryIndexRequest(ready=True).model_dump())
    assert reply.status_code == 200, reply.text
    items = TypeAdapter(types.RepositoryIndexResponse).validate_json(reply.text)
    assert sorted({item.name for item in items.root}) == MODELS
    assert {types.State(item.state) for item in items.root} == {types.State.READY}


run(globals())
