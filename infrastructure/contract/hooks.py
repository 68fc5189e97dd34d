"""What the API reference says in words, because OpenAPI has no other way to say it."""

import schemathesis

BOT_ID = 1_000_000_000
KEYS = {"user": "42", "address": "192.0.2.1", "api-key": "key", "session": "0123456789abcdef0123456789abcdef"}
MAX_RATE_PER_SECOND = 10_000
# The least burst of a limit, and the longest time in which a unit comes back.
LEAST = {
    "admin": (5, 60),
    "login": (1, 3_600),
    "login-address": (1, 3_600),
    "refresh": (1, 3_600),
    "verify": (100, 31_622_400),
}


def is_valid(case):
    return getattr(getattr(case.meta, "generation", None), "mode", None) is schemathesis.GenerationMode.POSITIVE


@schemathesis.hook
def before_call(context, case, kwargs):
    if not is_valid(case):
        return
    quote_tag(case)
    adapt = ADAPTED.get(case.operation.definition.raw.get("operationId"))
    if adapt:
        adapt(case)


def quote_tag(case):
    """Of `"0"`, which the pattern of IfMatch asks for, the fuzzer's phase "coverage" sends `0`."""
    tag = (case.headers or {}).get("If-Match", "")
    if tag.isdecimal():
        case.headers["If-Match"] = f'"{tag}"'


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
    """What a limit may be is a relation between its fields, and some may not lock administrators out. It
    is only tried out: the fuzzer would be refused from then on."""
    if not isinstance(case.body, dict):
        return
    policy = case.path_parameters["policy"]
    burst, seconds_per_unit = LEAST.get(policy, (1, 31_622_400))
    limit = max(case.body.get("limit", 1_000), burst)
    period = max(case.body.get("period_seconds", 1), -(-limit // MAX_RATE_PER_SECOND))
    case.body |= {
        "limit": limit,
        "period_seconds": min(period, limit * seconds_per_unit),
        "burst": max(burst, min(case.body.get("burst", limit), limit)),
        "mode": "shadow",
    }
    if policy == "admin":
        case.body["without_store"] = "open"


def possible_settings(case):
    """Lists have no element twice, an access token ends before its refresh token, and the format alone is
    no change. The fuzzer's own init data stays good."""
    if not isinstance(case.body, dict):
        return
    for name in ("allowed_origins", "admins"):
        if name in case.body:
            case.body[name] = list(dict.fromkeys(case.body[name]))
    case.body["init_data_seconds"] = max(case.body.get("init_data_seconds", 86_400), 3_600)
    if "access_token_seconds" in case.body:
        longest = case.body.get("refresh_token_seconds", 3_600)
        case.body["access_token_seconds"] = min(case.body["access_token_seconds"], longest)


ADAPTED = {
    "invalidate_cache": one_target,
    "read_key_limits": key_of_its_kind,
    "reset_key_limits": key_of_its_kind,
    "open_session": own_bot,
    "change_limit": possible_rate,
    "replace_settings": possible_settings,
}
