"""tritonclient.http.aio, the asynchronous client, against a running server."""
import asyncio

import tritonclient.http.aio as http
from tritonclient.utils import InferenceServerException

from support import MODELS, URL, array, check, golden, run

HALF = "oh-half"


async def inputs_of(client, model, feeds, binary=True):
    inputs = []
    for tensor in (await client.get_model_metadata(model))["inputs"]:
        value = array(feeds[tensor["name"]], tensor["datatype"])
        inputs.append(http.InferInput(tensor["name"], list(value.shape), tensor["datatype"]))
        inputs[-1].set_data_from_numpy(value, binary_data=binary)
    return inputs


def outputs_of(result):
    return {output["name"]: result.as_numpy(output["name"]) for output in result.get_response()["outputs"]}


async def every_golden(binary, **options):
    async with http.InferenceServerClient(URL) as client:

        async def one(model, tolerance, case):
            wanted = [http.InferRequestedOutput(name, binary_data=binary) for name in case["outputs"]]
            inputs = await inputs_of(client, model, case["feeds"], binary)
            check(model, tolerance, case["outputs"], outputs_of(await client.infer(model, inputs, outputs=wanted, **options)))

        models = [model for model in MODELS if binary or model != HALF]
        await asyncio.gather(*(one(model, golden(model)[0], case) for model in models for case in golden(model)[1]))


async def test_binary():
    await every_golden(True)


async def test_json():
    await every_golden(False)


async def test_gzip_and_deflate():
    for coding in ("gzip", "deflate"):
        for binary in (True, False):
            await every_golden(binary, request_compression_algorithm=coding, response_compression_algorithm=coding)


async def test_everything_else():
    async with http.InferenceServerClient(URL) as client:
        assert await client.is_server_live() and await client.is_server_ready()
        assert await client.is_model_ready("tl-lstm") and not await client.is_model_ready("none")
        assert (await client.get_server_metadata())["name"] == "polyhead"
        assert (await client.get_model_config("tl-lstm"))["name"] == "tl-lstm"
        assert (await client.get_inference_statistics("tl-lstm"))["model_stats"][0]["name"] == "tl-lstm"
        assert [entry["name"] for entry in await client.get_model_repository_index()] == MODELS
        await client.unload_model("tl-perstep")
        assert not await client.is_model_ready("tl-perstep")
        await client.load_model("tl-perstep")
        assert await client.is_model_ready("tl-perstep")


async def test_errors_keep_their_words():
    async with http.InferenceServerClient(URL) as client:
        inputs = await inputs_of(client, "tl-lstm", golden("tl-lstm")[1][0]["feeds"])
        try:
            await client.infer("none", inputs)
        except InferenceServerException as error:
            assert "no model of this name is loaded" in str(error)
        else:
            raise AssertionError("not refused")


run(globals())
