"""Rules over the expanded templates, for what AWS refuses or does differently from an emulator.

Usage: template_rules.py

It needs the Python packages of infrastructure/python/sam.txt. Each finding is a line. Every rule is also
tested on a broken copy, in which it must find the fault.
"""

import copy
import fnmatch
import json
import re
import sys

import edge_rules  # its rules are added by that
from unneeded_permissions import UNNEEDED
from world import (
    RULES,
    World,
    allowed,
    expanded,
    functions_of,
    handler_permissions,
    listed,
    metrics_of,
    reference_routes,
    readme_routes,
    rule,
    statements,
    template_routes,
    written_dimensions,
)

HANDLERS = handler_permissions()
# Of CloudFormation are 500 resources and 1 MB; a template is split before it is full.
MOST_RESOURCES, MOST_BYTES = 450, 900_000
MOST_METRICS_OF_AN_ALARM = 10
CANARY_ACTIONS = {
    "lambda:GetAlias",
    "lambda:GetProvisionedConcurrencyConfig",
    "lambda:UpdateAlias",
}
# The alarms that take a new version back. Of the authorizer, Lambda counts each refusal as an error.
CANARY_METRICS = {
    ("AWS/Lambda", "Errors"),
    ("AWS/Lambda", "Duration"),
    ("minigate", "Panic"),
    ("minigate", "ServerErrors"),
}
WITHOUT = {("Authorizer", ("AWS/Lambda", "Errors"))}
# The principals of services that make themselves a role in an account, with what asks for it.
SERVICE_LINKED = {
    "AWS::DynamoDB::Table": "contributorinsights.dynamodb.amazonaws.com",
    "AWS::ApiGateway::DomainName": "ops.apigateway.amazonaws.com",
}
METHOD_OF_OPERATION = {"ConditionCheckItem": "TransactWriteItems"}

def role(world, name):
    return world.deployed["Resources"][name]["Properties"]


def execution_policies(world):
    return world.delivery["Resources"]["ExecutionRole"]["Properties"]["Policies"]


# ---- Limits of CloudFormation and CloudWatch -----------------------------------------------------


def add_alarms(world):
    for number in range(MOST_RESOURCES):
        alarm = copy.deepcopy(world.deployed["Resources"]["SessionsErrors"])
        world.deployed["Resources"][f"Copy{number}"] = alarm


@rule(add_alarms)
def it_is_small_enough(world):
    resources, size = len(world.deployed["Resources"]), len(json.dumps(world.deployed))
    if resources >= MOST_RESOURCES:
        yield f"{resources} resources of {MOST_RESOURCES} at most; split the template"
    if size >= MOST_BYTES:
        yield f"{size} bytes of {MOST_BYTES} at most; split the template"


def add_metrics(world):
    metrics = world.alarms["MainErrors"]["Metrics"]
    metrics += [metrics[1]] * MOST_METRICS_OF_AN_ALARM


@rule(add_metrics)
def no_alarm_has_too_many_metrics(world):
    for name, alarm in world.alarms.items():
        count = len(alarm.get("Metrics", []))
        if count > MOST_METRICS_OF_AN_ALARM:
            yield f"{name}: {count} metrics, and CloudWatch takes {MOST_METRICS_OF_AN_ALARM}"


# ---- Canaries ------------------------------------------------------------------------------------


def forget_unqualified_arn(world):
    resources = next(statements(role(world, "CanaryRole")["Policies"]))["Resource"]
    resources.remove({"Fn::GetAtt": ["Keys", "Arn"]})


def forget_versions(world):
    resources = next(statements(role(world, "CanaryRole")["Policies"]))["Resource"]
    resources.remove({"Fn::Sub": "${Keys.Arn}:*"})


def forget_provisioned_concurrency(world):
    statement = next(statements(role(world, "CanaryRole")["Policies"]))
    statement["Action"] = [it for it in statement["Action"] if "Provisioned" not in it]


@rule(forget_unqualified_arn, forget_versions, forget_provisioned_concurrency)
def the_canary_role_moves_every_alias(world):
    moving = [
        it
        for it in statements(role(world, "CanaryRole")["Policies"])
        if CANARY_ACTIONS <= set(listed(it["Action"]))
    ]
    for function in world.functions:
        for arn in ({"Fn::GetAtt": [function, "Arn"]}, {"Fn::Sub": f"${{{function}.Arn}}:*"}):
            if not any(arn in it["Resource"] for it in moving):
                yield f"CanaryRole: {', '.join(sorted(CANARY_ACTIONS))} lack {arn}"


def forget_alarm_of_a_function(world):
    del world.deployed["Resources"]["KeysPanics"]


@rule(forget_alarm_of_a_function)
def what_is_watched_of_a_function_is_watched_of_all(world):
    watched = {}
    for alarm in world.alarms.values():
        for namespace, metric, dimensions in metrics_of(alarm):
            for name in ("FunctionName", "function"):
                if "Ref" in dimensions.get(name, ()):
                    watched.setdefault((namespace, metric), set()).add(dimensions[name]["Ref"])
    for metric in CANARY_METRICS | set(watched):
        for function in world.functions:
            if function not in watched.get(metric, ()) and (function, metric) not in WITHOUT:
                yield f"{function}: no alarm of {' '.join(metric)}"


def alarms_of_group(group):
    configuration = group["AlarmConfiguration"]
    configuration = configuration.get("Fn::If", [None, configuration])[1]
    return {it["Name"]["Ref"] for it in configuration["Alarms"]}


def forget_alarm_of_a_canary(world):
    group = role(world, "KeysDeploymentGroup")["AlarmConfiguration"]["Fn::If"][1]
    group["Alarms"] = group["Alarms"][:-1]


@rule(forget_alarm_of_a_canary)
def every_canary_is_watched_by_all_alarms_of_its_function(world):
    for function in world.functions:
        group = role(world, f"{function}DeploymentGroup")
        wanted = {name for name, it in world.alarms.items() if function in functions_of(it)}
        for missing in sorted(wanted - alarms_of_group(group)):
            yield f"{function}: its canary does not watch {missing}"


def watch_all_versions(world):
    alarm = world.alarms["KeysPanics"]
    alarm["Dimensions"] = [it for it in alarm["Dimensions"] if it["Name"] != "version"]


@rule(watch_all_versions)
def a_version_is_taken_back_for_its_own_failures(world):
    published = world.resources("AWS::Lambda::Version")
    for name, alarm in world.alarms.items():
        for namespace, metric, dimensions in metrics_of(alarm):
            if namespace != "minigate" or metric not in ("Panic", "ServerErrors"):
                continue
            version = dimensions.get("version", {}).get("Fn::GetAtt", [None])[0]
            of = published.get(version, {}).get("FunctionName")
            if of is None or of != dimensions.get("function"):
                yield f"{name}: {metric} is not that of a version of its function"


def forget_version_in_hook(world):
    role(world, "CanaryHook")["Environment"]["Variables"]["VERSIONS"]["Fn::Join"][1].pop()


def forget_right_of_hook(world):
    next(statements(role(world, "CanaryHookRole")["Policies"]))["Resource"].pop()


def forget_hook(world):
    alias = next(it for it in world.deployed["Resources"].values() if "UpdatePolicy" in it)
    del alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["BeforeAllowTrafficHook"]


@rule(forget_version_in_hook, forget_right_of_hook, forget_hook)
def new_versions_are_asked_before_users_do(world):
    asked = role(world, "CanaryHook")["Environment"]["Variables"]["VERSIONS"]["Fn::Join"][1]
    may = next(statements(role(world, "CanaryHookRole")["Policies"]))["Resource"]
    for name, version in world.resources("AWS::Lambda::Version").items():
        function = version["FunctionName"]["Ref"]
        if {"Ref": name} not in asked:
            yield f"CanaryHook: it does not ask the new version of {function}"
        if {"Fn::Sub": f"${{{function}.Arn}}:*"} not in may:
            yield f"CanaryHookRole: it may not ask {function}"
    for name in world.resources("AWS::Lambda::Alias"):
        policy = world.deployed["Resources"][name]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        if policy.get("BeforeAllowTrafficHook") != {"Ref": "CanaryHook"}:
            yield f"{name}: nobody asks its new version before users do"


def watch_another_dimension(world):
    world.alarms["SecretsMalformed"]["Dimensions"][0]["Name"] = "function"


@rule(watch_another_dimension)
def alarms_watch_what_functions_write(world):
    written = dict(written_dimensions(world.metrics))
    for name, alarm in world.alarms.items():
        for namespace, metric, dimensions in metrics_of(alarm):
            if namespace == "minigate" and written.get(metric) != set(dimensions):
                yield f"{name}: {metric} is written by {written.get(metric)}, not by {set(dimensions)}"


# ---- Roles ---------------------------------------------------------------------------------------


def forget_permission(world):
    for statement in statements(execution_policies(world)):
        if "codedeploy:ListDeployments" in listed(statement["Action"]):
            statement["Action"].remove("codedeploy:ListDeployments")


def use_other_resources(world):
    world.deployed["Resources"]["Bucket"] = {"Type": "AWS::S3::Bucket"}


@rule(forget_permission, use_other_resources)
def the_execution_role_has_what_the_handlers_list(world):
    has = allowed(execution_policies(world))
    for of_type in sorted({it["Type"] for it in world.deployed["Resources"].values()}):
        excepted = UNNEEDED.get(of_type, {})
        for action in sorted(HANDLERS[of_type] - has):
            if not any(fnmatch.fnmatchcase(action, pattern) for pattern in excepted):
                yield f"ExecutionRole: {of_type} needs {action}"


def forget_service_linked_role(world):
    for statement in statements(execution_policies(world)):
        if statement["Action"] == "iam:CreateServiceLinkedRole":
            statement["Condition"]["StringEquals"]["iam:AWSServiceName"].pop()


@rule(forget_service_linked_role)
def services_get_their_roles(world):
    services = set()
    for statement in statements(execution_policies(world)):
        if "iam:CreateServiceLinkedRole" in listed(statement["Action"]):
            services.update(listed(statement["Condition"]["StringEquals"]["iam:AWSServiceName"]))
    for of_type, service in SERVICE_LINKED.items():
        if world.resources(of_type) and service not in services:
            yield f"ExecutionRole: {of_type} needs iam:CreateServiceLinkedRole for {service}"


def forget_in_boundary(world):
    for statement in statements(world.delivery["Resources"]["Boundary"]["Properties"]):
        if "dynamodb:Query" in listed(statement["Action"]):
            statement["Action"].remove("dynamodb:Query")


@rule(forget_in_boundary)
def the_boundary_holds_every_role(world):
    boundary = allowed(world.delivery["Resources"]["Boundary"]["Properties"])
    for name, properties in world.resources("AWS::IAM::Role").items():
        for action in sorted(allowed(properties.get("Policies", [])) - boundary):
            yield f"{name}: {action} is not within the boundary of infrastructure/delivery.yaml"


def trust_of(world, name):
    return world.delivery["Resources"][name]["Properties"]["AssumeRolePolicyDocument"]


def condition_on_account(world):
    statement = next(statements(trust_of(world, "ExecutionRole")))
    statement["Condition"] = {"StringEquals": {"aws:SourceAccount": "1"}}


@rule(condition_on_account)
def cloudformation_can_take_its_role(world):
    for statement in statements(trust_of(world, "ExecutionRole")):
        if "aws:SourceAccount" in json.dumps(statement.get("Condition", {})):
            yield "ExecutionRole: CloudFormation is not known to send aws:SourceAccount"


def refuse_ids(world):
    world.delivery["Parameters"]["Repository"]["AllowedPattern"] = "[A-Za-z0-9-]+/[A-Za-z0-9._-]+"


@rule(refuse_ids)
def a_repository_is_named_as_github_does(world):
    pattern = world.delivery["Parameters"]["Repository"]["AllowedPattern"]
    for name in ("owner/name", "owner-1@123456/name.x@789"):
        if not re.fullmatch(pattern, name):
            yield f"delivery.yaml: Repository does not take {name}"
    for name in ("https://github.com/owner/name", "owner/name:environment:x", "owner/*", "a@1/b"):
        if re.fullmatch(pattern, name):
            yield f"delivery.yaml: Repository takes {name}"


def expire_artefacts(world):
    bucket = world.delivery["Resources"]["Artifacts"]["Properties"]
    bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] = 90


def forbid_to_continue(world):
    for statement in statements(
        world.delivery["Resources"]["DeployRole"]["Properties"]["Policies"]
    ):
        if statement["Sid"] == "Deploy":
            statement["Action"].remove("cloudformation:ContinueUpdateRollback")


@rule(expire_artefacts, forbid_to_continue)
def there_is_a_way_back(world):
    resources = world.delivery["Resources"]
    for it in resources["Artifacts"]["Properties"]["LifecycleConfiguration"]["Rules"]:
        if {"ExpirationInDays", "ExpirationDate"} & set(it):
            yield "delivery.yaml: what was deployed expires, so CloudFormation cannot roll back to it"
    if "cloudformation:ContinueUpdateRollback" not in allowed(
        resources["DeployRole"]["Properties"]["Policies"]
    ):
        yield "delivery.yaml: nobody may continue a rollback that is stuck"


# ---- API -----------------------------------------------------------------------------------------


def name_path_as_it_is(world):
    stage = next(iter(world.resources("AWS::ApiGateway::Stage").values()))
    stage["MethodSettings"][1]["ResourcePath"] = "/v1/sessions"


def name_no_path(world):
    stage = next(iter(world.resources("AWS::ApiGateway::Stage").values()))
    stage["MethodSettings"][1]["ResourcePath"] = "/~1v1~1session"


@rule(name_path_as_it_is, name_no_path)
def method_settings_name_methods(world):
    served = set(template_routes(world.template))
    for stage in world.resources("AWS::ApiGateway::Stage").values():
        for setting in stage["MethodSettings"]:
            path, method = setting["ResourcePath"], setting["HttpMethod"]
            if (path, method) == ("/*", "*"):
                continue
            if not re.fullmatch(r"/(~1[^/]+)+", path):
                yield f"MethodSettings: {path} is not written as /~1v1~1sessions"
            elif (method, path[1:].replace("~1", "/")) not in served:
                yield f"MethodSettings: {method} {path} is no method of the API"


def forget_to_deploy_the_stage(world):
    del world.template["Resources"]["Api"]["Properties"]["BinaryMediaTypes"]


@rule(forget_to_deploy_the_stage)
def closing_execute_api_deploys_the_stage(world):
    def deployment(closed):
        template = expanded(world.template, CloseExecuteApi=closed)
        return set(world.resources("AWS::ApiGateway::Deployment", template))

    if deployment("true") == deployment("false"):
        yield "CloseExecuteApi: the stage is not deployed again, so it takes no effect"


def own_account(world):
    world.deployed["Resources"]["Account"] = {"Type": "AWS::ApiGateway::Account"}


def forget_compression(world):
    del world.deployed["Resources"]["Api"]["Properties"]["MinimumCompressionSize"]


def drop_debug(world):
    del world.deployed["Resources"]["Keys"]["Properties"]["LoggingConfig"]["ApplicationLogLevel"]


@rule(own_account, forget_compression, drop_debug)
def settings_that_fail_silently(world):
    if world.resources("AWS::ApiGateway::Account"):
        yield "template.yaml: the account's settings of API Gateway are in infrastructure/account.yaml"
    for name, api in world.resources("AWS::ApiGateway::RestApi").items():
        if "MinimumCompressionSize" not in api:
            yield f"{name}: nothing is compressed"
    for name in world.functions:
        function = world.deployed["Resources"][name]["Properties"]
        if function["LoggingConfig"].get("ApplicationLogLevel") != "DEBUG":
            yield f"{name}: Lambda drops lines that LogLevel lets through, or lines of metrics"


# ---- Routes --------------------------------------------------------------------------------------


def paths_of(world):
    return world.template["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"]


def forget_in_template(world):
    del paths_of(world)["/v1/me"]["patch"]


def add_to_template(world):
    paths_of(world)["/v1/more"] = {"get": paths_of(world)["/v1/me"]["get"]}


def forget_in_readme(world):
    world.readme = world.readme.replace("`PATCH /v1/me`", "`PATCH /v1/you`")


def forget_in_tests(world):
    world.black_box = {
        path: text.replace("/v1/system/users/", "/v1/") for path, text in world.black_box.items()
    }


@rule(forget_in_template, add_to_template, forget_in_readme, forget_in_tests)
def every_route_is_known_everywhere(world):
    routes = set(reference_routes(world.reference))
    served = {it for it in template_routes(world.template) if it[0] != "ANY"}
    written = set(readme_routes(world.readme))
    for place, known in (("template.yaml", served), ("README.md", written)):
        for method, path in sorted(routes - known):
            yield f"{method} {path}: it is not in {place}"
        for method, path in sorted(known - routes):
            yield f"{method} {path}: it is in {place}, and docs/openapi.json does not know it"
    caught = {path for method, path in template_routes(world.template) if method == "ANY"}
    for _, path in sorted(routes):
        if path not in caught:
            yield f"{path}: template.yaml has no method ANY of it, for preflights and 405"
    sources = "\n".join(world.black_box.values())
    for method, path in sorted(routes):
        if not named_in(sources, method, path):
            yield f"{method} {path}: no black-box test names it"


def named_in(sources, method, path):
    """Whether a statement of the sources has the method and then, in a literal, the path, whatever
    stands for its parameters."""
    literal = re.sub(r"\\\{\w+\\\}", r"[^/\"?]+", re.escape(path))
    return re.search(rf"\b({method}|{method.lower()})\b[^;]{{0,300}}?[\" ]{literal}[\"? ]", sources)


# ---- Tables --------------------------------------------------------------------------------------


def index_for_nobody(world):
    world.resources("AWS::DynamoDB::Table")["Main"]["GlobalSecondaryIndexes"] = [
        {"IndexName": "GSI1"}
    ]


def stream_for_nobody(world):
    world.resources("AWS::DynamoDB::Table")["Main"]["StreamSpecification"] = {}


@rule(index_for_nobody, stream_for_nobody)
def what_is_paid_for_is_used(world):
    roles = json.dumps(world.resources("AWS::IAM::Role"))
    sources = json.dumps(world.resources("AWS::Lambda::EventSourceMapping"))
    for name, table in world.resources("AWS::DynamoDB::Table").items():
        for index in table.get("GlobalSecondaryIndexes", []):
            if f"${{{name}.Arn}}/index/{index['IndexName']}" not in roles:
                yield f"{name}: no role may read its index {index['IndexName']}"
        if "StreamSpecification" in table and f'["{name}", "StreamArn"]' not in sources:
            yield f"{name}: nothing reads its stream"


def operations_on(world, table):
    """The operations on a table that a role allows."""
    arn = {"Fn::GetAtt": [table, "Arn"]}
    for properties in world.resources("AWS::IAM::Role").values():
        for statement in statements(properties.get("Policies", [])):
            if arn in listed(statement["Resource"]):
                for action in listed(statement["Action"]):
                    operation = action.removeprefix("dynamodb:")
                    yield METHOD_OF_OPERATION.get(operation, operation)


def forget_throttles(world):
    del world.deployed["Resources"]["AuditWriteThrottles"]


def forget_operation(world):
    world.alarms["AuditErrors"]["Metrics"] = world.alarms["AuditErrors"]["Metrics"][:2]


@rule(forget_throttles, forget_operation, index_for_nobody)
def every_table_is_watched(world):
    watched = set()
    for alarm in world.alarms.values():
        for namespace, metric, dimensions in metrics_of(alarm):
            if namespace == "AWS/DynamoDB":
                more = dimensions.get("Operation") or dimensions.get("GlobalSecondaryIndexName")
                watched.add((dimensions["TableName"]["Ref"], more, metric))
    for name, table in world.resources("AWS::DynamoDB::Table").items():
        indexes = [it["IndexName"] for it in table.get("GlobalSecondaryIndexes", [])]
        wanted = {
            (name, of, f"{kind}ThrottleEvents")
            for of in (None, *indexes)
            for kind in ("Read", "Write")
        }
        wanted |= {(name, it, "SystemErrors") for it in operations_on(world, name)}
        for _, of, metric in sorted(wanted - watched, key=str):
            yield f"{name}: no alarm of {metric}{f' of {of}' if of else ''}"


def main():
    world, findings, shown = World(), [], 0
    for check, broken in RULES:
        found = list(check(world))
        findings += [f"{check.__name__}: {it}" for it in found]
        for change in broken:
            changed = copy.deepcopy(world)
            change(changed)
            shown += 1
            if not set(check(changed)) - set(found):
                findings.append(f"{check.__name__}: it finds nothing after {change.__name__}")
    if findings:
        sys.exit("\n".join(findings))
    print(f"{len(RULES)} rules, and {shown} broken copies in which they find what is wrong")


if __name__ == "__main__":
    main()
