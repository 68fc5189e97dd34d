"""Invalid input to a deployment, for `cargo xtask deploy-test`.

Usage: bad_input.py COMMAND STACK [ARGUMENT]..., with AWS_ENDPOINT_URL naming the emulator.

  parameters STACK             each parameter of the template, out of range and at its bounds
  without-token STACK          responses before the bot's token is in its secret
  malformed-secret STACK TOKEN the same for a malformed secret
"""

import json
import re
import sys
import time

import botocore.exceptions

import stack as emulator
from stack import ADMIN, base_url, call, client, init_data, outputs, physical_id

PATIENCE_SECONDS = 30

# A value of each parameter with a pattern that the pattern refuses, and one that it takes.
PATTERNS = {
    "Admin": ("42,43", "42"),
    "AlarmEmail": ("alarms at example.org", "alarms@example.org"),
    "CertificateArn": (
        "certificate/1",
        "arn:aws:acm:eu-central-1:123456789012:certificate/1",
    ),
    "DomainName": ("https://api.example", "api.example"),
    "IssuerName": ("Recertify <b>", "Recertify & Co."),
    "EdgeKeySha256": ("f" * 31, "f" * 32),
    "MoreBotSecrets": ("stack/one stack/two", "stack/one,stack/two"),
    "PermissionsBoundary": ("arn:aws:iam::123456789012:policy/boundary", "boundary"),
    "PublicUrl": ("http://api.example/", "https://api.example/prod"),
}


# ---- Parameters ----------------------------------------------------------------------------------


def candidates(name, definition):
    """Values that must be refused, and values that must be taken."""
    if "AllowedValues" in definition:
        return ["nonsense"], [str(value) for value in definition["AllowedValues"]]
    if definition["Type"] == "Number":
        least, most = int(definition["MinValue"]), int(definition["MaxValue"])
        return [str(least - 1), str(most + 1), "many"], [str(least), str(most)]
    wrong, right = PATTERNS[name]
    most = int(definition.get("MaxLength", 0))
    # Where nothing is no default, it is nothing good either.
    empty = [""] if definition.get("Default") == "" else []
    return [wrong] + (["a" * (most + 1)] if most else []), [right, *empty]


def promised(name, definition):
    """What is wrong with the words that CloudFormation has for a wrong value."""
    words = definition.get("ConstraintDescription")
    if not words or not words.startswith("must be "):
        yield f"{name}: it has no ConstraintDescription that begins with `must be`"
        return
    bounds = [definition[key] for key in ("MinValue", "MaxValue") if key in definition]
    for value in [*definition.get("AllowedValues", []), *bounds]:
        if not re.search(rf"\b{re.escape(str(value))}\b", words):
            yield f"{name}: its ConstraintDescription does not say {value}"


def refusal(definition, **values):
    """What CloudFormation says of these values; None if it takes them."""
    formation = client("cloudformation")
    names = {"StackName": f"parameters-{time.time_ns()}", "ChangeSetName": "values"}
    try:
        formation.create_change_set(
            ChangeSetType="CREATE",
            TemplateBody=definition,
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value} for name, value in values.items()
            ],
            **names,
        )
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Message"]
    formation.delete_change_set(**names)
    return None


def definition_of(stack):
    """The template with its parameters and rules, and nothing to make. All of it would take long."""
    answer = client("cloudformation").get_template(StackName=stack, TemplateStage="Processed")
    body = answer["TemplateBody"]
    whole = json.loads(body) if isinstance(body, str) else body
    kept = {key: whole[key] for key in ("Parameters", "Rules")}
    return {**kept, "Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}


def parameters(stack):
    definition = definition_of(stack)
    text, certificate = json.dumps(definition), PATTERNS["CertificateArn"][1]
    faults, refused, taken = [], 0, 0
    for name, parameter in definition["Parameters"].items():
        faults += promised(name, parameter)
        try:
            wrong, right = candidates(name, parameter)
        except KeyError as error:
            faults.append(f"{name}: it has no {error}, so that anything is taken")
            continue
        for value in wrong:
            said = refusal(text, **{name: value})
            refused += 1
            if said is None or name not in said:
                faults.append(f"{name}={value}: it is not refused by its name: {said}")
        for value in right:
            needed = {"DomainName": "api.example"} if name == "CloseExecuteApi" else {}
            said = refusal(text, **{"CertificateArn": certificate, **needed, name: value})
            taken += 1
            if said:
                faults.append(f"{name}={value}: it is refused: {said}")
    said = refusal(text, DomainName="api.example")
    if said is None or "DomainName needs CertificateArn" not in said:
        faults.append(f"DomainName without CertificateArn: {said}")
    said = refusal(text, CloseExecuteApi="true")
    if said is None or "CloseExecuteApi needs DomainName" not in said:
        faults.append(f"CloseExecuteApi without DomainName: {said}")
    finish(faults, f"{refused + 2} wrong values refused by name, {taken} right ones taken")


# ---- Secrets -------------------------------------------------------------------------------------


def expect(faults, status, code, *request):
    found, document = call(*request)
    document = document or {}
    if (found, document.get("code")) != (status, code):
        faults.append(f"{request[1]} {request[2]}: {found} {document} instead of {status} {code}")
    return document


def without_token(stack):
    """A new stack, before anybody has done anything."""
    base, faults = base_url(stack), []
    login = f"tma {init_data('1:of-any-bot', 1)}"
    for _ in range(2):
        expect(faults, 503, "secrets_unavailable", base, "POST", "/v1/sessions", login)
    expect(faults, 200, None, base, "GET", "/health")
    expect(faults, 200, None, base, "GET", "/.well-known/jwks.json")
    finish(faults, "503 for who logs in, 200 for who asks for the keys")


def malformed_secret(stack, token):
    """A secret that somebody has spoilt, met by instances that have no good value of it."""
    secrets, secret = client("secretsmanager"), outputs(stack)["BotSecretArn"]
    base, faults = base_url(stack), []
    admin = call(base, "POST", "/v1/sessions", f"tma {init_data(token, ADMIN)}")[1]
    bearer = f"Bearer {admin['access_token']}"
    spoilt = "TOP-SECRET, and not JSON"
    for _ in range(2):  # the version before it would be good otherwise
        secrets.put_secret_value(SecretId=secret, SecretString=spoilt)
    try:
        for function in ("Sessions", "Health"):
            emulator.renew(stack, function)
        login = f"tma {init_data(token, 7)}"
        for _ in range(2):
            document = expect(
                faults, 503, "secrets_unavailable", base, "POST", "/v1/sessions", login
            )
            faults += [f"the answer shows the secret: {document}"] * (spoilt in str(document))
        health = expect(faults, 200, None, base, "GET", "/health/detailed", bearer)
        said = [check.get("message", "") for check in health.get("checks", [])]
        if not any(secret in text and '{"bot_id": 123' in text for text in said):
            faults.append(f"GET /health/detailed does not say what the secret must be: {said}")
        if not logged(stack, "Sessions", '"SecretMalformed":1'):
            faults.append("no metric SecretMalformed is in the log of the function sessions")
    finally:
        emulator.put_bot(stack, token)
    recover(base, token, faults)
    finish(faults, "503, a metric and its name in the detailed health; it recovers by itself")


def logged(stack, function, text):
    configuration = client("lambda").get_function_configuration(
        FunctionName=physical_id(stack, function)
    )
    group, logs = configuration["LoggingConfig"]["LogGroup"], client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    return any(text in event["message"] for page in pages for event in page["events"])


def recover(base, token, faults):
    """Waits until logins work again, without anybody's help."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        status, document = call(base, "POST", "/v1/sessions", f"tma {init_data(token, 7)}")
        if status == 201:
            return
        if time.monotonic() > deadline:
            faults.append(f"with the secret mended, logins are still answered {status} {document}")
            return
        time.sleep(0.2)


def finish(faults, remark):
    if faults:
        sys.exit("\n".join(faults))
    print(remark)


COMMANDS = {
    "parameters": parameters,
    "without-token": without_token,
    "malformed-secret": malformed_secret,
}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
