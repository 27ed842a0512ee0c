"""Models with Triton's control inputs, by Triton's clients as its examples call them: a number's first answer is one more, and
what simple_dyna_sequence says to the last one has the sequence's id added."""
import queue

import numpy
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as grpc_aio
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

from support import GRPC, URL, refused, run

VALUES = [0, 11, 7, 5, 3, 2, 0, 1]
SIMPLE, DYNA = "simple_sequence", "simple_dyna_sequence"
http_client = http.InferenceServerClient(URL)
grpc_client = grpc.InferenceServerClient(GRPC)


def expected(values, id=0):
    return [values[0] + 1, *values[1:-1], values[-1] + id]


def tensors(kind, value):
    tensor = kind.InferInput("INPUT", [1, 1], "INT32")
    tensor.set_data_from_numpy(numpy.full([1, 1], value, numpy.int32))
    return {"inputs": [tensor], "outputs": [kind.InferRequestedOutput("OUTPUT")]}


def place(i, id, values):
    return {"sequence_id": id, "sequence_start": i == 0, "sequence_end": i == len(values) - 1}


def told(client, kind, model, id, values=VALUES):
    answers = []
    for i, value in enumerate(values):
        result = client.infer(model, **tensors(kind, value), **place(i, id, values))
        answers.append(int(result.as_numpy("OUTPUT")[0][0]))
    return answers


def test_http():
    assert told(http_client, http, SIMPLE, 1000) == expected(VALUES)
    assert told(http_client, http, SIMPLE, "SEQUENCE-1") == expected(VALUES)
    assert told(http_client, http, DYNA, 1001) == expected(VALUES, 1001)


def test_grpc():
    assert told(grpc_client, grpc, SIMPLE, 1002) == expected(VALUES)
    assert told(grpc_client, grpc, DYNA, 1003) == expected(VALUES, 1003)


def test_grpc_stream():
    """Two sequences turn by turn over one stream."""
    for model in (SIMPLE, DYNA):
        answers = queue.Queue()
        with grpc.InferenceServerClient(GRPC) as client:
            client.start_stream(callback=lambda result, error: answers.put((result, error)))
            for i, value in enumerate(VALUES):
                for id, sign in ((2001, 1), (2002, -1)):
                    client.async_stream_infer(
                        model, request_id=f"{id}_{i}", **tensors(grpc, sign * value), **place(i, id, VALUES)
                    )
            found = {2001: [], 2002: []}
            for _ in range(2 * len(VALUES)):
                result, error = answers.get(timeout=60)
                assert error is None, error
                id = int(result.get_response().id.split("_")[0])
                found[id].append(int(result.as_numpy("OUTPUT")[0][0]))
            client.stop_stream()
        for id, sign in ((2001, 1), (2002, -1)):
            assert found[id] == expected([sign * value for value in VALUES], id if model == DYNA else 0), found


async def test_grpc_aio():
    async with grpc_aio.InferenceServerClient(GRPC) as client:
        answers = []
        for i, value in enumerate(VALUES):
            result = await client.infer(DYNA, **tensors(grpc_aio, value), **place(i, 3001, VALUES))
            answers.append(int(result.as_numpy("OUTPUT")[0][0]))
    assert answers == expected(VALUES, 3001)


def test_not_started():
    refused(
        InferenceServerException,
        lambda: http_client.infer(SIMPLE, **tensors(http, 1), sequence_id=4001),
        "must specify the START flag on the first request of the sequence",
    )


run(globals())
