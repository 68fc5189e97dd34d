"""Shows that every statement of every function's role is needed: `cargo xtask iam-mutants`.

Usage: iam_mutants.py STACK TOKEN OTHER_TOKEN REPORT COMMAND..., with AWS_ENDPOINT_URL naming the
emulator.

Each mutant is a role without one of its statements, or without one action or resource of a statement with
several. Fresh instances of the function use it, because running ones have cached the secrets. Then the
script exercises the API as a user, an administrator, a machine client and Lambda, and something has to
fail. COMMAND deploys the stack with InitDataOneTimeUse=true, with which the sessions role has one more
statement.

REPORT is written if every mutant failed; otherwise the exit code is not 0.
"""

import contextlib
import json
import pathlib
import re
import subprocess
import sys
import time

import stack as emulator
from stack import ADMIN, answer_of, client, init_data, physical_id

# The roles of the functions: each is named after its function.
SUFFIX = "Role"
DELIVERY = pathlib.Path(__file__).parent.parent / "delivery.yaml"
EXAMPLE = DELIVERY.parent.parent / "shared/domain/src/quizzes/example.json"
DEADLINE_SECONDS = 60
# Who asks for the health and for nothing else, so that nothing else counts against it. They are an
# administrator by a grant, so that the function has to read their account.
HEALTH_ADMIN = ADMIN + 1
# What an administrator sets. Little comes back during a run, a unit in 53 seconds, which is the least
# that the limit of administrators may be; and units are not leased.
IN_FORCE = {"limit": 600_000, "period_seconds": 31_536_000}
# Init data of this age is taken only by who has read the settings.
OLD_SECONDS = 2 * 24 * 60 * 60
SETTINGS = {
    "allowed_origins": ["http://localhost:5173"],
    "init_data_seconds": 2 * OLD_SECONDS,
}
LIMITS = ("admin", "api", "login", "login-address", "verify")
# The one that the ways change.
CHANGED = "refresh"
# The emulator does not tell functions whose API key a request has, so that all are one client.
NO_KEY_ID = "none"
# What loads anew what it may not ask about, which no answer shows.
REMEMBERING = ("Health", "Leaderboards", "Profile", "Quizzes")
# How often a fault may look different before it is given up.
ATTEMPTS = 5


class Way:
    """What a user, an administrator and a machine do. The first thing that fails is the fault."""

    def __init__(self, stack, token, other_token, one_time_use):
        self.base, self.key = emulator.base_url(stack), emulator.api_key(stack)
        self.token, self.other_token = token, other_token
        self.one_time_use = one_time_use
        self.authorizer = physical_id(stack, "Authorizer")

    def tma(self, user_id, token=None):
        return f"tma {init_data(token or self.token, user_id)}"

    def expect(self, status, method, path, *more):
        route = re.sub(r"/(?!v1/)[^/]*[0-9][^/]*", "/{id}", path.split("?")[0])
        route = f"`{method} {route}`"
        found, headers, document = answer_of(self.base, method, path, *more)
        document = document or {}
        if found != status:
            code = document.get("code", "")
            raise Fault(f"{route} is answered {found} `{code}` instead of {status}")
        for policy in (headers["RateLimit-Policy"] or "").split(", "):
            name, *terms = policy.replace('"', "").split(";")
            if terms and name != CHANGED and f"w={IN_FORCE['period_seconds']}" not in terms:
                raise Fault(f"{route} goes by another limit `{name}` than the administrator's")
        return document

    @contextlib.contextmanager
    def counts(self, policy, key, what):
        """Says whether what is done meanwhile counts against this limit of this key, for all
        instances. Where it does not, requests pass all the same: each instance counts for itself."""
        before = self.left(policy, key)
        yield
        if self.left(policy, key) >= before:
            raise Fault(f"{what} is not counted against `{policy}` in the table")

    def left(self, policy, key):
        found = self.expect(200, "GET", f"/v1/system/limits/keys/{key}", self.admin)
        return next(limit["remaining"] for limit in found["limits"] if limit["policy"] == policy)

    def log_in(self, user_id, token=None):
        opened = self.expect(201, "POST", "/v1/sessions", self.tma(user_id, token))
        return opened, f"Bearer {opened['access_token']}"

    def go(self):
        user_id = time.time_ns() % 1_000_000_000
        self.expect(200, "GET", "/health")
        _, self.admin = self.log_in(ADMIN)
        self.cache_before = self.cache()
        opened, bearer = self.log_in(user_id)
        self.log_in(user_id)
        self.log_in(user_id, self.other_token)
        with self.counts("api", f"user/{user_id}", "`GET /v1/me`"):
            self.expect(200, "GET", "/v1/me", bearer)
        if not self.one_time_use:
            for token in (self.token, self.other_token):
                self.expect(200, "GET", "/v1/me", self.tma(user_id, token))
        self.expect(200, "PATCH", "/v1/me", bearer, {"language": "fr"})
        self.expect(200, "GET", "/v1/sessions", bearer)
        refresh = {"refresh_token": opened["refresh_token"]}
        self.expect(200, "POST", "/v1/sessions/refresh", None, refresh)
        self.expect(204, "DELETE", f"/v1/sessions/{opened['session_id']}", bearer)
        self.administrate(user_id)
        self.publish()
        self.compete(user_id)
        self.look_after()
        with self.counts("verify", f"api-key/{NO_KEY_ID}", "`POST /v1/verify`"):
            self.verify()
        self.expect(200, "GET", "/.well-known/jwks.json")
        self.authorize(bearer)
        if not self.one_time_use:
            for token in (self.token, self.other_token):
                self.authorize(self.tma(user_id, token))
            user = json.dumps({"id": user_id, "first_name": "Ada"})
            old = {"auth_date": str(int(time.time()) - OLD_SECONDS), "user": user}
            self.authorize(f"tma {emulator.signed(self.token, old)}")

    def administrate(self, user_id):
        with self.counts("admin", f"user/{ADMIN}", "`GET /v1/system/limits`"):
            self.expect(200, "GET", "/v1/system/limits", self.admin)
        path = f"/v1/system/limits/{CHANGED}"
        self.expect(200, "PUT", path, self.admin, {"limit": 1000})
        self.expect(200, "DELETE", path, self.admin)
        tier = f"/v1/system/users/{user_id}/tier"
        self.expect(204, "PUT", tier, self.admin, {"tier": "pro"})
        role = f"/v1/system/users/{user_id}/roles/author"
        self.expect(200, "PUT", role, self.admin, {})
        self.expect(200, "DELETE", role, self.admin)
        self.expect(204, "DELETE", f"/v1/system/limits/keys/user/{user_id}", self.admin)
        self.expect(204, "DELETE", f"/v1/system/cache?tag=user%23{user_id}", self.admin)
        self.expect(200, "GET", "/v1/system/audit", self.admin)
        if not self.one_time_use:
            for token in (self.token, self.other_token):
                self.expect(200, "GET", "/v1/system/audit", self.tma(ADMIN, token))

    def publish(self):
        quiz = f"/v1/quizzes/mutants-{time.time_ns()}"
        draft = json.loads(EXAMPLE.read_text())
        self.expect(201, "PUT", quiz, self.admin, draft)
        self.expect(200, "GET", f"{quiz}/draft", self.admin)
        self.expect(200, "POST", f"{quiz}/publish", self.admin)
        # Under another title, the entries of the former one are removed.
        draft["title"]["en"] += " again"
        self.expect(200, "PUT", quiz, self.admin, draft)
        self.expect(200, "POST", f"{quiz}/publish", self.admin)
        self.expect(200, "GET", quiz)
        self.expect(200, "GET", "/v1/quizzes")
        self.expect(200, "POST", f"{quiz}/archive", self.admin)

    def compete(self, user_id):
        _, bearer = self.log_in(user_id)
        self.expect(200, "GET", "/v1/leaderboards/global")
        own = "/v1/me/leaderboards/global"
        self.expect(204, "DELETE", own, bearer)
        self.expect(204, "PUT", own, bearer)
        with self.counts("api", f"user/{user_id}", f"`GET {own}`"):
            self.expect(200, "GET", own, bearer)
        self.expect(200, "POST", "/v1/leaderboards/global/recount?repair=true", self.admin)

    def cache(self):
        """What instances have told of what they remember of users."""
        return self.expect(200, "GET", "/v1/system/cache", self.admin)["namespaces"]["account"]

    def look_back(self):
        """What the instance that has gone this way tells of the cache, now that it has ended: where
        the cache cannot ask whether what it has is valid, it loads all of it anew."""
        until = time.monotonic() + DEADLINE_SECONDS
        while (found := self.cache())["misses"] == self.cache_before["misses"]:
            if time.monotonic() > until:
                raise Fault("instances that end do not tell of the cache")
            time.sleep(0.1)
        if found["level_errors"] > self.cache_before["level_errors"]:
            raise Fault("`GET /v1/system/cache` shows `level_errors`")

    def look_after(self):
        _, bearer = self.log_in(HEALTH_ADMIN)
        role = f"/v1/system/users/{HEALTH_ADMIN}/roles/admin"
        self.expect(200, "PUT", role, self.admin, {})
        # The first loads the account, and the next ones ask whether it was invalidated.
        for _ in range(2):
            self.expect(200, "GET", "/health/detailed", bearer)
        with self.counts("admin", f"user/{HEALTH_ADMIN}", "`GET /health/detailed`"):
            found = self.expect(200, "GET", "/health/detailed", bearer)
        for check in found["checks"]:
            if check["status"] == "down":
                name = "a secret" if check["name"].startswith("secret ") else check["name"]
                raise Fault(f"`GET /health/detailed` finds {name} down")

    def verify(self):
        items = [{"init_data": init_data(token, 7)} for token in (self.token, self.other_token)]
        body = {"items": items}
        found = self.expect(200, "POST", "/v1/verify", None, body, self.key)
        if not all(verdict["valid"] for verdict in found["verdicts"]):
            raise Fault("`POST /v1/verify` takes genuine init data for forged")

    def authorize(self, authorization):
        """As API Gateway asks for a request to somebody else's function."""
        event = {
            "type": "REQUEST",
            "methodArn": "arn:aws:execute-api:eu-central-1:000000000000:api/live/GET/orders",
            "resource": "/orders",
            "path": "/orders",
            "httpMethod": "GET",
            "headers": {"Authorization": authorization},
            "multiValueHeaders": {"Authorization": [authorization]},
            "requestContext": {"requestId": "mutants", "identity": {"sourceIp": "192.0.2.1"}},
        }
        answer = client("lambda").invoke(
            FunctionName=self.authorizer, Qualifier="live", Payload=json.dumps(event)
        )
        answer = json.loads(answer["Payload"].read())
        statements = answer.get("policyDocument", {}).get("Statement", [])
        if [statement["Effect"] for statement in statements] != ["Allow"]:
            scheme = authorization.split(" ")[0]
            said = answer.get("errorMessage", "a policy that denies")
            raise Fault(f"the authorizer has for `{scheme}` no policy that allows, but: {said}")


class Fault(Exception):
    pass


def fault_of(stack, function, way):
    """What fails with the roles as they are, and by what it shows; None if nothing does. It has to
    show twice, on fresh instances each time: a slow moment of the emulator is none."""
    refused = refused_to_lambda(stack, function)
    if refused:
        return f"Lambda may not `{refused}` (by `iam:SimulatePrincipalPolicy`)"
    fault = None
    for _ in range(ATTEMPTS):
        emulator.renew(stack, function)
        before, fault = fault, fault_on(stack, function, way)
        if fault in (None, before):
            return fault
        print(f"{function}: {fault}", file=sys.stderr, flush=True)
    sys.exit(f"{function}: another fault each time, at last: {fault}")


def fault_on(stack, function, way):
    try:
        way.go()
        if function in REMEMBERING:
            emulator.renew(stack, function)
            way.look_back()
    except Fault as fault:
        return str(fault)
    return None


def refused_to_lambda(stack, function):
    """What Lambda itself does with a function's role. The emulator does it whatever the role
    permits, so that it is asked what the policy would say."""
    configuration = client("lambda").get_function_configuration(
        FunctionName=physical_id(stack, function)
    )
    _, _, _, region, account, *_ = configuration["FunctionArn"].split(":")
    group = configuration["LoggingConfig"]["LogGroup"]
    stream = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:of-an-instance"
    calls = [("logs:CreateLogStream", stream), ("logs:PutLogEvents", stream)]
    if configuration["TracingConfig"]["Mode"] == "Active":
        calls += [("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")]
    for action, resource in calls:
        answer = client("iam").simulate_principal_policy(
            PolicySourceArn=configuration["Role"], ActionNames=[action], ResourceArns=[resource]
        )
        if answer["EvaluationResults"][0]["EvalDecision"] != "allowed":
            return action
    return None


def mutants_of(statement):
    """What is left of a statement, and what was taken away."""
    yield None, "all of it"
    for part in ("Action", "Resource"):
        values = statement[part]
        if isinstance(values, list) and len(values) > 1:
            for value in values:
                rest = [other for other in values if other != value]
                yield {**statement, part: rest}, f"`{short(value)}`"


def short(name):
    """An ARN without what is different at every run."""
    if not name.startswith("arn:"):
        return name
    return next(word for word in ("BotSecret", "CertificateSecret", "SigningSecret", name) if word in name)


def bound(stack, functions):
    """Puts the boundary of infrastructure/delivery.yaml around every role: it has to be wide enough."""
    formation, iam, delivery = client("cloudformation"), client("iam"), "minigate-staging-delivery"
    values = {"Repository": "owner/name", "Environment": "staging", "GitHubProvider": "exists"}
    formation.create_stack(
        StackName=delivery,
        TemplateBody=DELIVERY.read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": values[key]} for key in values],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    formation.get_waiter("stack_create_complete").wait(
        StackName=delivery, WaiterConfig={"Delay": 1, "MaxAttempts": DEADLINE_SECONDS}
    )
    arn = physical_id(delivery, "Boundary")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    policy = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    # It bounds what belongs to the stack of staging; the emulator's stack has another name.
    document = json.dumps(policy["Document"]).replace("minigate-staging", stack)
    arn = iam.create_policy(PolicyName="boundary", PolicyDocument=document)["Policy"]["Arn"]
    for function in functions:
        role = physical_id(stack, function + SUFFIX)
        iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=arn)


def set_limits(stack, token):
    """Other limits than the template's, so that it shows who has read them."""
    base, admin = emulator.base_url(stack), f"tma {init_data(token, ADMIN)}"
    for policy in LIMITS:
        path = f"/v1/system/limits/{policy}"
        status, document = emulator.call(base, "PUT", path, admin, IN_FORCE)
        if status != 200:
            sys.exit(f"PUT {path}: {status} {document}")
    status, document = emulator.call(base, "PUT", "/v1/system/settings", admin, SETTINGS)
    if status != 200:
        sys.exit(f"PUT /v1/system/settings: {status} {document}")


def statements_of(stack, role):
    policy = {"RoleName": physical_id(stack, role), "PolicyName": "function"}
    return client("iam").get_role_policy(**policy)["PolicyDocument"]["Statement"]


def show(stack, way, function, wanted=lambda sid: True):
    """A row of the report for each mutant of the function's role."""
    role = function + SUFFIX
    statements = [item for item in statements_of(stack, role) if wanted(item["Sid"])]
    if not statements:
        return []
    expect_none(stack, way, function, "before its mutants")
    rows = []
    for statement in statements:
        sid = statement["Sid"]
        for rest, removed in mutants_of(statement):

            def mutate(statements):
                kept = (rest if other["Sid"] == sid else other for other in statements)
                return [other for other in kept if other]

            with emulator.policy_of(stack, role, mutate):
                fault = fault_of(stack, function, way)
            print(f"{role} {sid} without {removed}: {fault}", file=sys.stderr, flush=True)
            rows.append((role, sid, removed, fault))
    expect_none(stack, way, function, "after its mutants")
    return rows


def expect_none(stack, way, function, when):
    fault = fault_of(stack, function, way)
    if fault:
        sys.exit(f"{function}, {when}, with its whole role: {fault}")


def run(stack, token, other_token, report, *deploy):
    way = Way(stack, token, other_token, one_time_use=False)
    functions = [name for name, _ in emulator.functions_of(stack)]
    rows, known = [], set()
    bound(stack, functions)
    set_limits(stack, token)
    for function in functions:
        emulator.renew(stack, function)
    for function in functions:
        rows += show(stack, way, function)
        known |= {(function, item["Sid"]) for item in statements_of(stack, function + SUFFIX)}
    subprocess.run(deploy, check=True, timeout=300, stdout=subprocess.DEVNULL)
    emulator.complete_api(stack)
    way = Way(stack, token, other_token, one_time_use=True)
    for function in functions:
        rows += show(stack, way, function, lambda sid: (function, sid) not in known)
    needless = [row for row in rows if row[3] is None]
    if needless:
        sys.exit("\n".join(f"nothing fails: {row[0]} {row[1]} without {row[2]}" for row in needless))
    with open(report, "w", encoding="utf-8") as file:
        file.write(written(rows))
    print(f"{len(rows)} mutants of {len(functions)} roles, each noticed")


HEAD = """\
# What each permission is for

`cargo xtask iam-mutants` writes this file. It deploys `template.yaml` to the emulator, removes one
statement after the other from each function's role (and single actions or resources of statements with
several), replaces the running instances with fresh ones, and exercises the API as a user, an administrator
and a machine client. The table shows the first failure. If nothing failed, the permission would be
unnecessary, and the run would fail. Everything runs within the boundary of
`infrastructure/delivery.yaml`, which proves that the boundary suffices.

Without its permissions, a limiter with an open policy admits requests, and falls back to the
deployment's limits and settings. So an administrator overrides every limit first, responses must show the
overrides, and units must be taken on all instances; and only the settings accept init data of two days. A
cache that cannot validate its entries reloads them, so its counters must show no failed call.

The emulator writes logs and traces whatever a role permits. The permissions that Lambda needs for them are
therefore checked with `iam:SimulatePrincipalPolicy` and the function's log group: that proves that the
statement matches the function, not that Lambda needs it. Not covered: the roles of CodeDeploy and its
hook, because the emulator has no CodeDeploy, and conditions on `dynamodb:LeadingKeys`, which it ignores.

| role | statement | without | what fails |
|---|---|---|---|
"""


def written(rows):
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    run(*sys.argv[1:])
