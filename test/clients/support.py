"""What the client scripts share: golden answers of the fixtures, and a runner that prints a line for each test."""
import asyncio
import inspect
import json
import pathlib
import sys
import traceback

import numpy

URL, REPOSITORY, GRPC = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
MODELS = sorted(folder.name for folder in REPOSITORY.iterdir() if folder.is_dir() and not folder.name.startswith("."))
DTYPES = {
    "BOOL": numpy.bool_,
    "INT32": numpy.int32,
    "INT64": numpy.int64,
    "FP16": numpy.float16,
    "FP32": numpy.float32,
    "FP64": numpy.float64,
    "BYTES": numpy.object_,
}


def golden(model):
    """The cases of a model's golden.json: feeds as lists with their shapes, outputs as flat lists."""
    content = json.loads((REPOSITORY / model / "1" / "golden.json").read_text())
    return content["tolerance"], content["cases"]


def array(feed, datatype):
    """A golden feed as a numpy array; texts as bytes, which is what the clients send."""
    data = [text.encode() for text in feed["data"]] if datatype == "BYTES" else feed["data"]
    return numpy.array(data, dtype=DTYPES[datatype]).reshape(feed["dims"])


def check(model, tolerance, expected, outputs):
    """Every golden output is there and within the tolerance; texts are equal."""
    assert sorted(outputs) == sorted(expected), f"{model}: {sorted(outputs)}"
    for name, wanted in expected.items():
        got = numpy.asarray(outputs[name]).reshape(-1)
        assert len(got) == len(wanted), f"{model} {name}: {len(got)} values"
        if isinstance(wanted[0], str):
            texts = [value.decode() if isinstance(value, bytes) else str(value) for value in got]
            assert texts == wanted, f"{model} {name}: {texts}"
            continue
        difference = numpy.abs(got.astype(numpy.float64) - wanted) / numpy.maximum(1, numpy.abs(wanted))
        assert difference.max() <= tolerance, f"{model} {name}: off by {difference.max()}"


def refused(error_type, act, words):
    """`act` raises the client's own error, which holds the server's words."""
    try:
        act()
    except error_type as error:
        assert words in str(error), f"other words: {error}"
        return
    raise AssertionError(f"not refused: {words}")


def run(functions):
    """Runs every test_ function and prints `ok <name>` or `not ok <name> <reason>`."""
    for name, function in list(functions.items()):
        if not name.startswith("test_"):
            continue
        try:
            result = function()
            if inspect.iscoroutine(result):
                asyncio.run(result)
            print("ok", name, flush=True)
        except Exception as error:
            traceback.print_exc()
            print("not ok", name, repr(error).replace("\n", " ")[:400], flush=True)
