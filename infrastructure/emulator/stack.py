"""What `cargo xtask deploy-test` asks of the emulator, beside `sam deploy`.

Usage: stack.py COMMAND STACK [ARGUMENT]..., with AWS_ENDPOINT_URL naming the emulator.

  bootstrap STACK                    make the stack that an account needs once
  hook STACK                         ask the new versions as the canaries' hook does
  releases STACK                     keep releases in a bucket, and get them back by their digests
  complete-api STACK                 give the REST API what the emulator leaves out of its body
  put-bot STACK TOKEN                put the bot's secret
  widen-limits STACK TOKEN           as an administrator, limits that tests from one address do not reach,
                                     their origin, and a second administrator
  create-bot STACK NAME TOKEN        make the secret of a further bot
  smoke STACK TOKEN                  one user's way through the API
  rotate STACK TOKEN NEW_TOKEN       rotate the bot's token under traffic, and back
  permission STACK TOKEN             show that a permission which is missing is missed
  alarm STACK                        make an alarm go off and receive its message
  upgrade STACK TOKEN COMMAND...     run a deployment under traffic
  reached STACK LEVEL                show that users are served with this log level by every function
  versions STACK                     print the version of each function that serves users
  throttled STACK TOKEN              log in until API Gateway refuses it
  api-key STACK                      print the API key of the first machine client
  environment STACK FUNCTION         print the variables of a function, as NAME=VALUE
  same-keys STACK URL                show that this URL serves the keys that the API serves
  remove STACK                       delete the stack and what it would leave behind
  machine STACK TOKEN                verify init data with and without the key, and past its quota
"""

import concurrent.futures
import contextlib
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import boto3
import botocore.config
import botocore.exceptions

CONFIG = botocore.config.Config(
    connect_timeout=5, read_timeout=30, retries={"max_attempts": 2}
)
INFRASTRUCTURE = pathlib.Path(__file__).parent.parent
ADMIN = 42
ANY = "x-amazon-apigateway-any-method"


def client(service):
    return boto3.client(service, config=CONFIG)


def physical_id(stack, logical_id):
    answer = client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId=logical_id
    )
    return answer["StackResourceDetail"]["PhysicalResourceId"]


def outputs(stack):
    answer = client("cloudformation").describe_stacks(StackName=stack)
    return {
        output["OutputKey"]: output["OutputValue"]
        for output in answer["Stacks"][0]["Outputs"]
    }


def base_url(stack):
    endpoint = client("cloudformation").meta.endpoint_url
    api = outputs(stack)["ApiId"]
    return f"{endpoint}/restapis/{api}/live/_user_request_"


# ---- The REST API ------------------------------------------------------------------------------


def complete_api(stack):
    """The emulator (ministack 1.5.33) imports paths, methods and authorizers of an OpenAPI body.
    AWS also imports methods ANY, models, validators and gateway responses: they are read from the
    deployed template and put in place here."""
    gateway = client("apigateway")
    template = client("cloudformation").get_template(
        StackName=stack, TemplateStage="Processed"
    )["TemplateBody"]
    template = json.loads(template) if isinstance(template, str) else template
    body = template["Resources"]["Api"]["Properties"]["Body"]
    api = {"restApiId": physical_id(stack, "Api")}
    resources = gateway.get_resources(limit=500, **api)["items"]
    ids = {resource["path"]: resource["id"] for resource in resources}
    for path, item in body["paths"].items():
        if ANY in item:
            integrate_any(gateway, api, ids[path], stack, item[ANY])
    add_validation(gateway, api, ids, body)
    for response_type, response in body["x-amazon-apigateway-gateway-responses"].items():
        put_gateway_response(gateway, api, response_type, response)
    gateway.create_deployment(stageName="live", **api)
    complete_method_settings(gateway, api)
    print(base_url(stack))


def complete_method_settings(gateway, api):
    """AWS wants a method's path with ~1 for each slash after the first, and so has the template it.
    The emulator reads it that way where a stage is changed, and literally in a template."""
    stage = {"stageName": "live", **api}
    paths = {"throttlingRateLimit": "rateLimit", "throttlingBurstLimit": "burstLimit"}
    changes = [
        {
            "op": "replace",
            "path": f"/{method.lstrip('/')}/throttling/{path}",
            "value": str(settings[field]),
        }
        for method, settings in gateway.get_stage(**stage)["methodSettings"].items()
        for field, path in paths.items()
        if "~1" in method
    ]
    if not changes:
        sys.exit("the template throttles no method by itself")
    gateway.update_stage(patchOperations=changes, **stage)


def integrate_any(gateway, api, resource_id, stack, operation):
    method = {"resourceId": resource_id, "httpMethod": "ANY", **api}
    try:
        gateway.put_method(authorizationType="NONE", **method)
    except gateway.exceptions.ConflictException:
        return  # done at an earlier deployment
    uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    uri = re.sub(
        r"\$\{(\w+)\}", lambda alias: physical_id(stack, alias[1]), region_in(uri)
    )
    gateway.put_integration(
        type="AWS_PROXY", integrationHttpMethod="POST", uri=uri, **method
    )


def region_in(text):
    return text.replace("${AWS::Region}", client("apigateway").meta.region_name)


def add_validation(gateway, api, ids, body):
    if gateway.get_request_validators(**api)["items"]:
        return  # done at an earlier deployment
    for name, schema in body["components"]["schemas"].items():
        gateway.create_model(
            name=name, schema=json.dumps(schema), contentType="application/json", **api
        )
    validator = gateway.create_request_validator(
        name="body-only", validateRequestBody=True, **api
    )
    for path, item in body["paths"].items():
        for method, operation in item.items():
            if operation.get("x-amazon-apigateway-request-validator") != "body-only":
                continue
            content = operation["requestBody"]["content"]["application/json"]
            where = {"resourceId": ids[path], "httpMethod": method.upper(), **api}
            imported = gateway.get_method(**where)
            gateway.delete_method(**where)
            gateway.put_method(
                authorizationType=imported["authorizationType"],
                apiKeyRequired=imported["apiKeyRequired"],
                requestValidatorId=validator["id"],
                requestModels={
                    "application/json": content["schema"]["$ref"].rsplit("/", 1)[-1]
                },
                **where,
            )
            gateway.put_integration(
                type="AWS_PROXY",
                integrationHttpMethod="POST",
                uri=imported["methodIntegration"]["uri"],
                **where,
            )


def put_gateway_response(gateway, api, response_type, response):
    arguments = {
        "responseType": response_type,
        "responseParameters": response.get("responseParameters", {}),
        "responseTemplates": response.get("responseTemplates", {}),
        **api,
    }
    if "statusCode" in response:
        arguments["statusCode"] = str(response["statusCode"])
    gateway.put_gateway_response(**arguments)


# ---- A user's way through the API --------------------------------------------------------------


def init_data(token, user_id):
    user = json.dumps({"id": user_id, "first_name": "Ada"}, separators=(",", ":"))
    # With something of its own, because init data may be good for one use only.
    return signed(token, {"query_id": uuid.uuid4().hex, "user": user})


def signed(token, fields):
    """Init data with these fields, signed now."""
    fields = {"auth_date": str(int(time.time())), **fields}
    text = "\n".join(f"{name}={value}" for name, value in sorted(fields.items()))
    key = hmac.digest(b"WebAppData", token.encode(), hashlib.sha256)
    fields["hash"] = hmac.digest(key, text.encode(), hashlib.sha256).hex()
    return urllib.parse.urlencode(fields)


def call(base, method, path, authorization=None, document=None, api_key=None):
    """The status and the document of an answer."""
    status, _, document = answer_of(base, method, path, authorization, document, api_key)
    return status, document


def answer_of(base, method, path, authorization=None, document=None, api_key=None):
    """The status, the headers and the document of an answer."""
    headers = {"Authorization": authorization} if authorization else {}
    if api_key:
        headers["X-Api-Key"] = api_key
    data = None
    if document is not None:
        data = json.dumps(document).encode()
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(base + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, json.loads(answer.read() or "null")


def faults_of(base, token):
    """What is not as it should be on a user's way through the API."""
    faults = []

    def expect(status, method, path, *more):
        found, document = call(base, method, path, *more)
        if found != status:
            faults.append(f"{method} {path}: {found} instead of {status}: {document}")
        return document or {}

    user_id = time.time_ns() % 1_000_000_000
    init = f"tma {init_data(token, user_id)}"
    expect(200, "GET", "/health")
    opened = expect(201, "POST", "/v1/sessions", init)
    expect(201, "POST", "/v1/sessions", init)
    bearer = f"Bearer {opened.get('access_token')}"
    expect(200, "GET", "/v1/me", bearer)
    expect(200, "PATCH", "/v1/me", init, {"language": "de"})
    expect(200, "PATCH", "/v1/me", bearer, {"language": "fr"})
    expect(200, "GET", "/v1/sessions", bearer)
    refresh = {"refresh_token": opened.get("refresh_token", "")}
    expect(200, "POST", "/v1/sessions/refresh", None, refresh)
    expect(204, "DELETE", f"/v1/sessions/{opened.get('session_id')}", bearer)
    expect(401, "POST", "/v1/sessions", f"tma {init_data('1:of-another-bot', user_id)}")
    health = expect(200, "GET", "/health/detailed", f"tma {init_data(token, ADMIN)}")
    if health.get("score") != 100:
        faults.append(f"not in full health: {health}")
    jwks = expect(200, "GET", "/.well-known/jwks.json")
    if len(jwks.get("keys", [])) == 0:
        faults.append(f"no keys: {jwks}")
    expect(404, "GET", "/nowhere")
    expect(405, "PUT", "/v1/me")
    return faults


def smoke(stack, token):
    faults = faults_of(base_url(stack), token)
    if faults:
        sys.exit("\n".join(faults))
    print("every answer as expected")


# While a deployment starts a dozen processes on few cores, the emulator's tables answer too late at times, which
# is a 503 that says to repeat the request.
PASSING = (503, "store_unavailable")
REPETITIONS = 3


class Traffic:
    """Logins on a thread of their own, with whichever token is set at the moment. What is answered that it
    will pass is repeated, as clients do."""

    def __init__(self, stack, token):
        self.base, self.token = base_url(stack), token
        self.done, self.repeated, self.faults = 0, 0, []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stopped.wait(0.05):
            status, document = self.log_in()
            for _ in range(REPETITIONS):
                if (status, (document or {}).get("code")) != PASSING:
                    break
                self.repeated += 1
                self.stopped.wait(1)
                status, document = self.log_in()
            self.done += 1
            if status != 201:
                self.faults.append(f"login {self.done}: {status} {document}")

    def log_in(self):
        return call(self.base, "POST", "/v1/sessions", f"tma {init_data(self.token, 7)}")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join(30)

    def wait_for(self, logins):
        until, deadline = self.done + logins, time.monotonic() + 60
        while self.done < until:
            if time.monotonic() > deadline or not self.thread.is_alive():
                sys.exit(f"the logins stopped after {self.done}: {self.faults}")
            time.sleep(0.05)

    def report(self):
        if self.faults:
            sys.exit("\n".join([f"{len(self.faults)} of {self.done} failed", *self.faults[:5]]))
        repeated = f", {self.repeated} repeated after a 503" if self.repeated else ""
        print(f"{self.done} logins, none failed{repeated}")


# ---- Secrets -----------------------------------------------------------------------------------


def bot_secret(token):
    bot = {"bot_id": int(token.split(":")[0]), "token": token, "webhook_secret": "x"}
    return json.dumps(bot)


def put_bot(stack, token):
    client("secretsmanager").put_secret_value(
        SecretId=outputs(stack)["BotSecretArn"], SecretString=bot_secret(token)
    )


def widen_limits(stack, token):
    """An instance reads limits and settings in its start, and then every ten seconds. Sessions and
    Health have been asked before: they get instances that begin with these."""
    base, admin = base_url(stack), f"tma {init_data(token, ADMIN)}"
    for policy in ("api", "admin", "login", "login-address", "refresh"):
        path = f"/v1/system/limits/{policy}"
        status, document = call(base, "PUT", path, admin, {"limit": 5000})
        if status != 200:
            sys.exit(f"PUT {path}: {status} {document}")
    settings = {"allowed_origins": ["http://localhost:5173"], "admins": [ADMIN + 1]}
    status, document = call(base, "PUT", "/v1/system/settings", admin, settings)
    if status != 200:
        sys.exit(f"PUT /v1/system/settings: {status} {document}")
    status, document = call(base, "GET", "/v1/system/audit", admin)
    if status != 200 or len(document["entries"]) < 6:
        sys.exit(f"the changes are not recorded: {status} {document}")
    for function in ("Sessions", "Health"):
        renew(stack, function)


def create_bot(_, name, token):
    client("secretsmanager").create_secret(Name=name, SecretString=bot_secret(token))


def rotate(stack, token, new_token):
    with Traffic(stack, token) as traffic:
        traffic.wait_for(10)
        for current in (new_token, token):
            put_bot(stack, current)
            # Init data that was signed before the rotation is good for a while yet.
            traffic.wait_for(10)
            traffic.token = current
            traffic.wait_for(20)
    traffic.report()


# ---- Instances ---------------------------------------------------------------------------------

# Versions of functions that this process has published.
OURS = set()


def renew(stack, function):
    """Publishes a version of the function, so that the alias gets instances that have not begun."""
    functions, name = client("lambda"), physical_id(stack, function)
    functions.update_function_configuration(
        FunctionName=name, Description=f"renewed at {time.time_ns()}"
    )
    until = time.monotonic() + 60
    while True:
        state = functions.get_function_configuration(FunctionName=name)
        if state["LastUpdateStatus"] == "Successful":
            break
        if time.monotonic() > until:
            sys.exit(f"{function} is not updated: {state['LastUpdateStatus']}")
        time.sleep(0.05)
    version = functions.publish_version(FunctionName=name)["Version"]
    former = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    if former == version:
        sys.exit(f"{function} has no new version")
    if (name, former) in OURS:
        # With its instances. Those of the stack are left to it.
        functions.delete_function(FunctionName=name, Qualifier=former)
    OURS.add((name, version))


# ---- Permissions -------------------------------------------------------------------------------


@contextlib.contextmanager
def policy_of(stack, role, statements):
    """The role with these statements in its policy, for a while."""
    iam = client("iam")
    policy = {"RoleName": physical_id(stack, role), "PolicyName": "function"}
    document = iam.get_role_policy(**policy)["PolicyDocument"]
    changed = {**document, "Statement": statements(document["Statement"])}
    iam.put_role_policy(PolicyDocument=json.dumps(changed), **policy)
    try:
        yield
    finally:
        iam.put_role_policy(PolicyDocument=json.dumps(document), **policy)


def permission(stack, token):
    """That anything is refused at all; iam_mutants.py shows it of every statement."""
    role, sid = "SessionsRole", "WriteSessions"

    def without(statements):
        return [statement for statement in statements if statement["Sid"] != sid]

    with policy_of(stack, role, without):
        faults = faults_of(base_url(stack), token)
    if not faults:
        sys.exit(f"nothing fails without {sid} of {role}")
    faults = faults_of(base_url(stack), token)
    if faults:
        sys.exit("\n".join(["with it back in place:", *faults]))
    print(f"without {sid} of {role}, requests fail; with it, none does")


# ---- Alarms ------------------------------------------------------------------------------------


def alarm(stack):
    metrics, queues, topics = client("cloudwatch"), client("sqs"), client("sns")
    queue = queues.create_queue(QueueName=f"{stack}-alarms")["QueueUrl"]
    answer = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    arn, topic = answer["Attributes"]["QueueArn"], outputs(stack)["AlarmTopicArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    queues.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    name = physical_id(stack, "SessionsErrors")
    definition = metrics.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    metrics.put_metric_data(
        Namespace=definition["Namespace"],
        MetricData=[
            {
                "MetricName": definition["MetricName"],
                "Dimensions": definition["Dimensions"],
                "Timestamp": datetime.datetime.now(datetime.timezone.utc),
                "Value": 1,
            }
        ],
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        # An emulator evaluates an alarm when it is asked for its state.
        state = metrics.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]
        answer = queues.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            notice = json.loads(json.loads(message["Body"])["Message"])
            if notice["AlarmName"] == name and notice["NewStateValue"] == "ALARM":
                print(f"state {state}, and the topic has told of it")
                return
    sys.exit(f"no message of the alarm; its state is {state}")


# ---- Deployments -------------------------------------------------------------------------------


def bootstrap(_):
    formation, name = client("cloudformation"), "minigate-account"
    template = (INFRASTRUCTURE / "account.yaml").read_text(encoding="utf-8")
    formation.create_stack(
        StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM"]
    )
    waiting = {"Delay": 1, "MaxAttempts": 60}
    formation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=waiting)
    role = client("apigateway").get_account().get("cloudwatchRoleArn")
    if role != outputs(name)["GatewayLogRoleArn"]:
        sys.exit(f"API Gateway writes logs with {role}, which is not the role of the stack")
    print("API Gateway has its role for logs")


def hook(stack):
    """Runs the program of the hook: it invokes the deployed versions, and then one that is not there.
    CodeDeploy, whom it reports to, is not in the emulator: what it would be told is collected."""
    body = client("cloudformation").get_template(StackName=stack, TemplateStage="Processed")
    template = body["TemplateBody"]
    template = json.loads(template) if isinstance(template, str) else template
    program = template["Resources"]["CanaryHook"]["Properties"]["Code"]["ZipFile"]
    function = physical_id(stack, "CanaryHook")
    settings = client("lambda").get_function_configuration(FunctionName=function)
    versions = settings["Environment"]["Variables"]["VERSIONS"]
    reports, real = [], boto3.client

    class CodeDeploy:
        def put_lifecycle_event_hook_execution_status(self, status, **_):
            reports.append(status)

    boto3.client = lambda name, **more: CodeDeploy() if name == "codedeploy" else real(name, **more)
    missing = f"{versions.split(',')[0].rsplit(':', 1)[0]}:999"
    for value in (versions, f"{versions},{missing}"):
        os.environ["VERSIONS"] = value
        names = {}
        exec(program, names)
        names["handle"]({"DeploymentId": "d", "LifecycleEventHookExecutionId": "e"}, None)
    boto3.client = real
    if reports != ["Succeeded", "Failed"]:
        sys.exit(f"the hook reports {reports}")
    print(f"it asked {len(versions.split(','))} versions, and one that is not there fails it")


def releases(stack):
    bucket = f"{stack}-releases"
    location = {"LocationConstraint": client("s3").meta.region_name}
    client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=location)

    def run(command, *arguments):
        """The digest that it prints; None if it refuses."""
        program = [sys.executable, INFRASTRUCTURE / "release.py", command, bucket, stack]
        done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=60)
        return done.stdout.strip() if done.returncode == 0 else None

    with tempfile.TemporaryDirectory() as directory:
        built, fetched = (pathlib.Path(directory) / name for name in ("built", "fetched"))
        found = [run("current", fetched)]
        digests = []
        for content in (b"first", b"second"):
            built.write_bytes(content)
            digests.append(run("keep", built))
        found += [run("current", fetched), fetched.read_bytes()]
        found += [run("fetch", fetched, digests[0]), fetched.read_bytes()]
        # What is not what was kept is not deployed.
        client("s3").put_object(
            Bucket=bucket, Key=f"{stack}/releases/{digests[1]}.tar.gz", Body=b"other"
        )
        found += [run("current", fetched), fetched.read_bytes()]
    wanted = [None, digests[1], b"second", digests[0], b"first", None, b"first"]
    if found != wanted or digests[0] != hashlib.sha256(b"first").hexdigest():
        sys.exit(f"{found} instead of {wanted}")
    print("two releases kept, fetched by their digests, and a changed one refused")


def upgrade(stack, token, *command):
    with Traffic(stack, token) as traffic:
        traffic.wait_for(5)
        subprocess.run(command, check=True, timeout=300, stdout=sys.stderr)
        traffic.wait_for(5)
    traffic.report()


def functions_of(stack):
    """Those that serve users: all but CodeDeploy's hook, which has no alias."""
    resources = client("cloudformation").describe_stack_resources(StackName=stack)
    resources = resources["StackResources"]
    return sorted(
        (resource["LogicalResourceId"], resource["PhysicalResourceId"])
        for resource in resources
        if resource["ResourceType"] == "AWS::Lambda::Function"
        and resource["LogicalResourceId"] != "CanaryHook"
    )


def reached(stack, level):
    """The alias of each function must lead to a version with this log level: a parameter that changes
    alone would otherwise stay without effect."""
    lambdas, found = client("lambda"), {}
    for name, function in functions_of(stack):
        live = lambdas.get_function_configuration(FunctionName=function, Qualifier="live")
        found[name] = live["Environment"]["Variables"]["MINIGATE_LOG_LEVEL"]
    missed = {name: other for name, other in found.items() if other != level}
    if missed or not found:
        sys.exit(f"the log level {level} has not reached {missed or 'any function'}")
    print(f"the log level has reached {len(found)} functions")


def versions(stack):
    for name, function in functions_of(stack):
        alias = client("lambda").get_alias(FunctionName=function, Name="live")
        print(f"{name}={alias['FunctionVersion']}")


def throttled(stack, token):
    # The deployment before has put the template's settings in place again.
    complete_method_settings(client("apigateway"), {"restApiId": physical_id(stack, "Api")})
    base = base_url(stack)

    def log_in(user_id):
        """A 503 says when to come back: the tables of an emulator on a busy machine are slow."""
        for _ in range(5):
            status, headers, document = answer_of(
                base, "POST", "/v1/sessions", f"tma {init_data(token, user_id)}"
            )
            if status != 503:
                break
            time.sleep(float(headers["Retry-After"]))
        return status, document

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(log_in, range(1000, 1200)))
    refused = [document or {} for status, document in answers if status == 429]
    others = [status for status, _ in answers if status not in (201, 429)]
    if others or any(document.get("code") != "rate_limited" for document in refused):
        sys.exit(f"neither a session nor a problem document: {others} {refused[:2]}")
    if not 0 < len(refused) < len(answers):
        sys.exit(f"{len(refused)} of {len(answers)} logins were refused")
    print(f"of {len(answers)} logins at once, {len(refused)} are refused with a problem document")


# ---- Machine clients ---------------------------------------------------------------------------


def api_key(stack):
    key = outputs(stack)["MachineKeyId"]
    return client("apigateway").get_api_key(apiKey=key, includeValue=True)["value"]


def machine(stack, token):
    base, key = base_url(stack), api_key(stack)

    def verify(api_key):
        document = {"items": [{"init_data": init_data(token, 7)}]}
        return call(base, "POST", "/v1/verify", None, document, api_key)

    status, document = call(base, "POST", "/v1/verify", None, [], key)
    if (status, document.get("code")) != (400, "body_malformed"):
        sys.exit(f"a body that is no object: {status} {document}")
    for wrong in (None, "of-nobody"):
        status, document = verify(wrong)
        if (status, document.get("code")) != (401, "authorization_missing"):
            sys.exit(f"with the key {wrong}: {status} {document}")
    for attempt in range(1, 401):
        status, document = verify(key)
        if status == 429 and attempt > 1 and document.get("code") == "rate_limited":
            print(f"401 without a key; {attempt - 1} verdicts with it, then 429 for its quota")
            return
        if status != 200 or document["verdicts"][0].get("valid") is False:
            sys.exit(f"request {attempt} with the key: {status} {document}")
    sys.exit("the quota is never used up")


# ---- A function on this machine ----------------------------------------------------------------


def environment(stack, function):
    configuration = client("lambda").get_function_configuration(
        FunctionName=physical_id(stack, function)
    )
    for name, value in configuration["Environment"]["Variables"].items():
        print(f"{name}={value}")


def same_keys(stack, url):
    path = "/.well-known/jwks.json"
    (status, here), (_, there) = (call(at, "GET", path) for at in (url, base_url(stack)))
    if status != 200 or here["keys"] != there["keys"]:
        sys.exit(f"{status} {here}, and the API serves {there}")
    print(f"it serves the API's keys, {len(here['keys'])} of them")


# ---- An emulator that goes on running ----------------------------------------------------------


def remove(stack):
    """Deletes the stack, its example, and the tables and secrets that outlive a stack."""
    formation, tables, secrets = (
        client(service) for service in ("cloudformation", "dynamodb", "secretsmanager")
    )
    resources = formation.describe_stack_resources(StackName=stack)["StackResources"]
    retained = {}
    for resource in resources:
        retained.setdefault(resource["ResourceType"], []).append(resource["PhysicalResourceId"])
    for name in (f"{stack}-example", stack):
        formation.delete_stack(StackName=name)
        wait_until_gone(formation, name)
    for table in retained.get("AWS::DynamoDB::Table", []):
        with contextlib.suppress(tables.exceptions.ResourceNotFoundException):
            tables.update_table(TableName=table, DeletionProtectionEnabled=False)
            tables.delete_table(TableName=table)
    for secret in retained.get("AWS::SecretsManager::Secret", []):
        with contextlib.suppress(secrets.exceptions.ResourceNotFoundException):
            secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    print(f"{stack}, with its tables and secrets")


def wait_until_gone(formation, stack):
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            state = formation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        except botocore.exceptions.ClientError:
            return
        if state == "DELETE_COMPLETE":
            return
        if state == "DELETE_FAILED":
            break
        time.sleep(0.2)
    sys.exit(f"{stack} is not deleted")


COMMANDS = {
    "api-key": lambda stack: print(api_key(stack)),
    "machine": machine,
    "remove": remove,
    "complete-api": complete_api,
    "put-bot": put_bot,
    "widen-limits": widen_limits,
    "create-bot": create_bot,
    "smoke": smoke,
    "rotate": rotate,
    "permission": permission,
    "environment": environment,
    "same-keys": same_keys,
    "alarm": alarm,
    "bootstrap": bootstrap,
    "hook": hook,
    "releases": releases,
    "upgrade": upgrade,
    "reached": reached,
    "versions": versions,
    "throttled": throttled,
}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
