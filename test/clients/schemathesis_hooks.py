"""What a schema cannot say of a request that should succeed: its states are one a sequence and sealed by the server, and
its time suffices."""

import schemathesis

TIMEOUT = "x-request-timeout-ms"


@schemathesis.hook
def before_call(context, case, kwargs):
    if not case.meta or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.body, dict):
        case.body.pop("states", None)
    if TIMEOUT in (case.headers or {}):
        case.headers[TIMEOUT] = "60000"
