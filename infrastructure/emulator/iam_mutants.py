"""Shows that every statement of every function's role is needed: `cargo xtask iam-mutants`.

Usage: iam_mutants.py STACK TOKEN OTHER_TOKEN REPORT COMMAND..., with AWS_ENDPOINT_URL naming the
emulator.

Each mutant is a role with a little less in its policy: without one of its statements, and of a
statement with several actions or resources without one of those. Fresh instances of the function run
with it, because running ones have the secrets already. Then a user, an administrator, a machine and
Lambda go their ways, and something has to fail. COMMAND deploys the stack with InitDataOneTimeUse=true,
under which the sessions role has one statement more.

REPORT is written when every mutant has been shown; else the exit code says that it was not.
"""

import json
import pathlib
import subprocess
import sys
import time

import stack as emulator
from stack import ADMIN, call, client, init_data, physical_id

# The roles of the functions: each is named after its function.
SUFFIX = "Role"
DELIVERY = pathlib.Path(__file__).parent.parent / "delivery.yaml"
DEADLINE_SECONDS = 60


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
        found, document = call(self.base, method, path, *more)
        if found != status:
            code = (document or {}).get("code", "")
            raise Fault(f"`{method} {path}` is answered {found} `{code}` instead of {status}")
        return document or {}

    def log_in(self, user_id, token=None):
        opened = self.expect(201, "POST", "/v1/sessions", self.tma(user_id, token))
        return opened, f"Bearer {opened['access_token']}"

    def go(self):
        user_id = time.time_ns() % 1_000_000_000
        self.expect(200, "GET", "/health")
        opened, bearer = self.log_in(user_id)
        self.log_in(user_id)
        self.log_in(user_id, self.other_token)
        self.expect(200, "GET", "/v1/me", bearer)
        if not self.one_time_use:
            for token in (self.token, self.other_token):
                self.expect(200, "GET", "/v1/me", self.tma(user_id, token))
        self.expect(200, "PATCH", "/v1/me", bearer, {"language": "fr"})
        self.expect(200, "GET", "/v1/sessions", bearer)
        refresh = {"refresh_token": opened["refresh_token"]}
        self.expect(200, "POST", "/v1/sessions/refresh", None, refresh)
        self.expect(204, "DELETE", f"/v1/sessions/{opened['session_id']}", bearer)
        self.administrate()
        self.verify()
        self.expect(200, "GET", "/.well-known/jwks.json")
        self.authorize(bearer)
        if not self.one_time_use:
            for token in (self.token, self.other_token):
                self.authorize(self.tma(user_id, token))

    def administrate(self):
        _, bearer = self.log_in(ADMIN)
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
    """What fails with the roles as they are, and by what it shows; None if nothing does."""
    try:
        way.go()
    except Fault as fault:
        return str(fault)
    refused = refused_to_lambda(stack, function)
    if refused:
        return f"Lambda may not `{refused}` (by `iam:SimulatePrincipalPolicy`)"
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
    return next(word for word in ("BotSecret", "SigningSecret", name) if word in name)


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


def functions_of(stack):
    resources = client("cloudformation").describe_stack_resources(StackName=stack)
    resources = resources["StackResources"]
    return sorted(
        resource["LogicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == "AWS::Lambda::Function"
    )


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
                emulator.renew(stack, function)
                fault = fault_of(stack, function, way)
            print(f"{role} {sid} without {removed}: {fault}", file=sys.stderr, flush=True)
            rows.append((role, sid, removed, fault))
    emulator.renew(stack, function)
    expect_none(stack, way, function, "after its mutants")
    return rows


def expect_none(stack, way, function, when):
    fault = fault_of(stack, function, way)
    if fault:
        sys.exit(f"{function}, {when}, with its whole role: {fault}")


def run(stack, token, other_token, report, *deploy):
    way = Way(stack, token, other_token, one_time_use=False)
    functions = functions_of(stack)
    rows, known = [], set()
    bound(stack, functions)
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

`cargo xtask iam-mutants` writes this file. It deploys `template.yaml` to the emulator, takes from a
function's role one statement after the other (and of a statement with several actions or resources,
one of those), puts fresh instances in the place of the running ones, and lets a user, an
administrator and a machine client go their ways. The first thing that fails stands here. Had nothing
failed, the permission would be needless, and the run would have failed. All of it happens within the
boundary of `infrastructure/delivery.yaml`, which is therefore wide enough.

The emulator writes logs and traces whatever a role permits. What Lambda needs for that is therefore
asked of the emulator's `iam:SimulatePrincipalPolicy`, with the log group that the function is
configured with: that shows that the statement fits the function, not that Lambda asks for it. Not tried
are the roles of CodeDeploy and of API Gateway's logs, because the emulator takes neither.

| role | statement | without | what fails |
|---|---|---|---|
"""


def written(rows):
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    run(*sys.argv[1:])
