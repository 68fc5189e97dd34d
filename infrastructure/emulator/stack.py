"""What `cargo xtask deploy-test` asks of the emulator, beside `sam deploy`.

Usage: stack.py COMMAND STACK [ARGUMENT]..., with AWS_ENDPOINT_URL naming the emulator.

  complete-api STACK          give the REST API what the emulator leaves out of an OpenAPI body
  put-bot STACK JSON          put the bot's secret
  smoke STACK TOKEN           one user's way through the API
  break STACK ROLE SID        take a statement out of a role's policy and print the policy it was
  mend STACK ROLE JSON        put that policy back
"""

import hashlib
import hmac
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
import botocore.config

CONFIG = botocore.config.Config(
    connect_timeout=5, read_timeout=30, retries={"max_attempts": 2}
)
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
    print(base_url(stack))


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
            model = content["schema"]["$ref"].rsplit("/", 1)[-1]
            changes = {
                "/requestValidatorId": validator["id"],
                "/requestModels/application~1json": model,
            }
            gateway.update_method(
                resourceId=ids[path],
                httpMethod=method.upper(),
                patchOperations=[
                    {"op": "replace", "path": key, "value": value}
                    for key, value in changes.items()
                ],
                **api,
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
    fields = {"auth_date": str(int(time.time())), "user": user}
    text = "\n".join(f"{name}={value}" for name, value in sorted(fields.items()))
    key = hmac.digest(b"WebAppData", token.encode(), hashlib.sha256)
    fields["hash"] = hmac.digest(key, text.encode(), hashlib.sha256).hex()
    return urllib.parse.urlencode(fields)


def call(base, method, path, authorization=None, document=None):
    headers = {"Authorization": authorization} if authorization else {}
    data = None
    if document is not None:
        data = json.dumps(document).encode()
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(base + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as answer:
        return answer.code, json.loads(answer.read() or "null")


def smoke(stack, token):
    base = base_url(stack)
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
    bearer = f"Bearer {opened.get('access_token')}"
    expect(200, "GET", "/v1/me", bearer)
    expect(200, "PATCH", "/v1/me", bearer, {"language": "de"})
    expect(200, "GET", "/v1/sessions", bearer)
    refresh = {"refresh_token": opened.get("refresh_token", "")}
    expect(200, "POST", "/v1/sessions/refresh", None, refresh)
    expect(204, "DELETE", f"/v1/sessions/{opened.get('session_id')}", bearer)
    expect(401, "POST", "/v1/sessions", f"tma {init_data('1:of-another-bot', user_id)}")
    admin = f"tma {init_data(token, 42)}"
    health = expect(200, "GET", "/health/detailed", admin)
    if health.get("score") != 100:
        faults.append(f"not in full health: {health}")
    expect(404, "GET", "/nowhere")
    expect(405, "PUT", "/v1/me")
    if faults:
        sys.exit("\n".join(faults))
    print("every answer as expected")


# ---- The rest ----------------------------------------------------------------------------------


def put_bot(stack, text):
    secret = outputs(stack)["BotSecretArn"]
    client("secretsmanager").put_secret_value(SecretId=secret, SecretString=text)


def break_role(stack, role, sid):
    policy = {"RoleName": physical_id(stack, role), "PolicyName": "function"}
    document = client("iam").get_role_policy(**policy)["PolicyDocument"]
    kept = [statement for statement in document["Statement"] if statement["Sid"] != sid]
    if len(kept) != len(document["Statement"]) - 1:
        sys.exit(f"{role} has no statement {sid}")
    broken = json.dumps({**document, "Statement": kept})
    client("iam").put_role_policy(PolicyDocument=broken, **policy)
    print(json.dumps(document))


def mend_role(stack, role, text):
    name = physical_id(stack, role)
    client("iam").put_role_policy(RoleName=name, PolicyName="function", PolicyDocument=text)


COMMANDS = {
    "complete-api": complete_api,
    "put-bot": put_bot,
    "smoke": smoke,
    "break": break_role,
    "mend": mend_role,
}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
