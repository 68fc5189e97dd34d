"""Rules over infrastructure/edge.yaml; template_rules.py applies them."""

import json

from world import rule


def send_host(world):
    distribution = world.edge["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    distribution["CacheBehaviors"][0]["CachePolicyId"] = "83da9c7e-98b4-4e11-a168-04f0df8e2c65"


def key_by_host(world):
    policy = world.edge["Resources"]["SharedAnswers"]["Properties"]["CachePolicyConfig"]
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    key["HeadersConfig"]["Headers"].append("Host")


@rule(send_host, key_by_host)
def the_host_of_clients_stays_out(world):
    distribution = world.edge["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    for behaviour in [distribution["DefaultCacheBehavior"], *distribution["CacheBehaviors"]]:
        policy, path = behaviour["CachePolicyId"], behaviour.get("PathPattern", "any path")
        if policy != disabled and "Ref" not in policy:
            yield f"edge.yaml: {path} has a cache policy of AWS, which may send the client's Host on"
    for name, policy in world.resources("AWS::CloudFront::CachePolicy", world.edge).items():
        key = policy["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
        if "host" in [it.lower() for it in key["HeadersConfig"].get("Headers", [])]:
            yield f"edge.yaml: {name} sends the client's Host on"


def blocks(value):
    if isinstance(value, dict):
        if isinstance(value.get("Block"), dict):
            yield value["Block"]
        for it in value.values():
            yield from blocks(it)
    elif isinstance(value, list):
        for it in value:
            yield from blocks(it)


def block_without_a_word(world):
    next(blocks(world.edge["Resources"]["WebAcl"])).clear()


def block_with_a_page(world):
    bodies = world.edge["Resources"]["WebAcl"]["Properties"]["CustomResponseBodies"]
    bodies["limited"]["Content"] = "<html>"


@rule(block_without_a_word, block_with_a_page)
def what_the_edge_refuses_can_be_read(world):
    acl = world.edge["Resources"]["WebAcl"]["Properties"]
    for name, body in acl["CustomResponseBodies"].items():
        try:
            problem = json.loads(body["Content"])
        except ValueError:
            problem = {}
        if not {"type", "title", "status", "code"} <= set(problem):
            yield f"edge.yaml: the body {name} is no problem document"
    for block in blocks(acl):
        response = block.get("CustomResponse", {})
        headers = {it["Name"] for it in response.get("ResponseHeaders", [])}
        if response.get("CustomResponseBodyKey") not in acl["CustomResponseBodies"]:
            yield f"edge.yaml: a block has no body: {block}"
        if "Access-Control-Allow-Origin" not in headers:
            yield f"edge.yaml: a block has no CORS header: {block}"
