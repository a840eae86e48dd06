"""What schemathesis cannot know of the calls it makes."""

import itertools
import os
import re

import schemathesis

RECEIVER = os.environ["FUZZ_RECEIVER"].rstrip("/")
BARE_KEY = re.compile(r"[!#-+\--~]{1,256}")
NUMBERS = itertools.count()


def at_home(value):
    """Whatever host a URL has, it becomes the receiver's: nothing leaves this machine.

    And 7.0 becomes 7. It is an integer to JSON Schema, and not to the API, which no schema can say.
    """
    if isinstance(value, dict):
        return {name: at_home(member) for name, member in value.items()}
    if isinstance(value, list):
        return [at_home(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return re.sub(r"^\s*https?:[/\\]*[^/\\?#]*", RECEIVER, value, flags=re.IGNORECASE)
    return value


def fresh(headers):
    """A key that has been another request's is refused, rightly: so every request has one of its own."""
    for name, value in (headers or {}).items():
        if name.lower() == "idempotency-key" and isinstance(value, str) and BARE_KEY.fullmatch(value):
            headers[name] = f"{value[:200]}.{next(NUMBERS)}"


@schemathesis.auth()
class Tokens:
    """Whoever logs out has no token any more: that is done with a token which nothing else uses."""

    def get(self, case, context):
        return os.environ["FUZZ_TOKEN"]

    def set(self, case, data, context):
        logs_out = context.operation.path.endswith("/auth/logout")
        token = os.environ["FUZZ_EXPENDABLE_TOKEN"] if logs_out else data
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def before_call(context, case, kwargs):
    case.body = at_home(case.body)
    fresh(case.headers)
