"""The expanded templates, and the documents and tests that must agree with them."""

import copy
import glob
import importlib.resources
import json
import logging
import os
import pathlib
import re

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")  # the transform asks for one
logging.disable(logging.CRITICAL)  # it tells of its own features and metrics

# Both come with SAM's command line, which `cargo verify` installs (infrastructure/python/sam.txt).
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).parent.parent.parent


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def expanded(template, **parameters):
    """The template after the transform, deployed with these parameters on top of the defaults."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/code.zip"
    values = {name: it.get("Default") for name, it in template["Parameters"].items()}
    return Translator({}, Parser()).translate(template, {**values, **parameters})


RULES = []


def rule(*broken):
    """A rule yields findings. `broken` changes a copy of the world; the rule must then find more."""

    def add(check):
        RULES.append((check, broken))
        return check

    return add


class World:
    """Everything that a rule looks at. A broken copy of it shows that the rule finds something."""

    def __init__(self):
        self.template = yaml_parse(read("template.yaml"))
        self.delivery = yaml_parse(read("infrastructure/delivery.yaml"))
        self.edge = yaml_parse(read("infrastructure/edge.yaml"))
        self.reference = json.loads(read("docs/openapi.json"))
        self.readme = read("README.md")
        self.metrics = read("shared/platform/src/metrics.rs") + "".join(
            path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("functions/*/src/**/*.rs"))
        )
        paths = sorted(glob.glob(str(ROOT / "tests/tests/black_box/**/*.rs"), recursive=True))
        self.black_box = {path: pathlib.Path(path).read_text(encoding="utf-8") for path in paths}
        self.expand()

    def expand(self):
        # With everything that can be switched on, as in production.
        self.deployed = expanded(self.template, Environment="production", Canary="true")

    def resources(self, of_type, template=None):
        resources = (template or self.deployed)["Resources"].items()
        return {name: it.get("Properties", {}) for name, it in resources if it["Type"] == of_type}

    @property
    def functions(self):
        """Those of minigate itself, each behind an alias."""
        aliases = self.resources("AWS::Lambda::Alias").values()
        return sorted(it["FunctionName"]["Ref"] for it in aliases)

    @property
    def alarms(self):
        return self.resources("AWS::CloudWatch::Alarm")


def listed(value):
    return value if isinstance(value, list) else [value]


def statements(policies):
    """The statements of these policies or of this document, whatever their conditions."""
    for policy in listed(policies):
        for statement in policy.get("PolicyDocument", policy)["Statement"]:
            if "Fn::If" in statement:
                yield from (it for it in statement["Fn::If"][1:] if "Effect" in it)
            else:
                yield statement


def allowed(policies):
    """The actions that these policies allow."""
    allow = (it for it in statements(policies) if it["Effect"] == "Allow")
    return {action for it in allow for action in listed(it["Action"])}


def metrics_of(alarm):
    """The metrics that an alarm looks at: namespace, name and dimensions."""
    metrics = [it["MetricStat"]["Metric"] for it in alarm.get("Metrics", []) if "MetricStat" in it]
    for metric in metrics or [alarm]:
        dimensions = {it["Name"]: it["Value"] for it in metric.get("Dimensions", [])}
        yield metric["Namespace"], metric["MetricName"], dimensions


def functions_of(alarm):
    """The functions that an alarm watches, by its dimensions."""
    for _, _, dimensions in metrics_of(alarm):
        for name in ("FunctionName", "function"):
            if "Ref" in dimensions.get(name, ()):
                yield dimensions[name]["Ref"]


def handler_permissions():
    """What CloudFormation does by type of resource, as the resources' schemas list it."""
    schemas = importlib.resources.files("cfnlint") / "data/schemas/resources"
    permissions = {}
    for path in schemas.iterdir():
        if path.name.endswith(".json"):
            schema = json.loads(path.read_text(encoding="utf-8"))
            handlers = schema.get("handlers", {})
            actions = {
                action
                for name in ("create", "read", "update", "delete")
                for action in handlers.get(name, {}).get("permissions", [])
            }
            permissions.setdefault(schema["typeName"], set()).update(actions)
    return permissions


def template_routes(template):
    """The routes that the template's API has: method and path, and ANY for the methods that are left."""
    body = template["Resources"]["Api"]["Properties"]["DefinitionBody"]
    for path, item in body["paths"].items():
        for method in item:
            yield "ANY" if method == "x-amazon-apigateway-any-method" else method.upper(), path


def reference_routes(reference):
    for path, item in reference["paths"].items():
        for method in item:
            if method in ("get", "put", "post", "delete", "patch"):
                yield method.upper(), path


def readme_routes(readme):
    """The routes of README's table. A cell can hold several, and a route several methods."""
    for line in readme.splitlines():
        if not line.startswith("| `"):
            continue
        methods = []
        for code in re.findall(r"`([^`]+)`", line.split("|")[1]):
            method, _, path = code.partition(" ")
            if not method.isupper():
                break  # another table
            methods.append(method)
            if path:
                yield from ((it, path) for it in methods)
                methods = []


def written_dimensions(source):
    """By which dimensions the functions write their metrics, as metrics.rs and the nouns declare them."""
    dimensions = {
        "function": {"function"},
        "version": {"function", "version"},
        "deployment": {"deployment"},
    }
    declared = re.findall(r'[A-Z_]+ of_(\w+) "(\w+)";', source)
    declared += re.findall(r'Metric::of_(\w+)\("(\w+)"\)', source)
    return {name: dimensions[kind] for kind, name in declared}
