"""What the API reference says in words, because OpenAPI has no other way to say it."""

import schemathesis

BOT_ID = 1_000_000_000
KEYS = {"user": "42", "address": "192.0.2.1", "api-key": "key"}
MAX_RATE_PER_SECOND = 10_000


def is_valid(case):
    return getattr(getattr(case.meta, "generation", None), "mode", None) is schemathesis.GenerationMode.POSITIVE


@schemathesis.hook
def before_call(context, case, kwargs):
    if not is_valid(case):
        return
    case.body = whole_numbers(case.body)
    adapt = ADAPTED.get(case.operation.definition.raw.get("operationId"))
    if adapt:
        adapt(case)


def whole_numbers(value):
    """`1.0` is an integer to JSON Schema, and to no typed parser."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [whole_numbers(inner) for inner in value]
    return value


def one_target(case):
    """A tag or a namespace, not both."""
    query = case.query or {}
    if "tag" in query:
        query.pop("namespace", None)
    elif "namespace" not in query:
        query["tag"] = "user#42"
    case.query = query


def key_of_its_kind(case):
    """What an id is depends on what the limits hold for."""
    case.path_parameters["id"] = KEYS[case.path_parameters["kind"]]


def own_bot(case):
    """Which bots there are, the deployment decides."""
    if isinstance(case.body, dict) and case.body.get("bot_id") is not None:
        case.body["bot_id"] = BOT_ID


def possible_rate(case):
    """How fast a limit may refill: a relation between its fields."""
    if isinstance(case.body, dict) and "limit" in case.body:
        limit = case.body["limit"]
        least = -(-limit // MAX_RATE_PER_SECOND)
        case.body["period_seconds"] = max(case.body.get("period_seconds", 1), least)
        case.body["burst"] = min(case.body.get("burst", limit), limit)
    elif isinstance(case.body, dict):
        case.body["limit"] = 1_000
        possible_rate(case)


ADAPTED = {
    "invalidate_cache": one_target,
    "read_key_limits": key_of_its_kind,
    "reset_key_limits": key_of_its_kind,
    "open_session": own_bot,
    "change_limit": possible_rate,
}
