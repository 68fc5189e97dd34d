"""Verifies certificates with openbadgeslib, by nothing but what the API publishes.

On standard input is what target/debug/sample-certificates has printed. openbadgeslib verifies both forms, the
JWT by the key that it names and the embedded proof with a JSON-LD processor (PyLD), and the status list. What
it would fetch comes from the input; nothing is asked of the network. LGPL-3: a tool of this test and of nothing
that is deployed.
"""

import json
import sys

from openbadgeslib.ob3 import OB3Verifier
from openbadgeslib.ob3.ldp import OB3LdpVerifier
from openbadgeslib.ob3.status import check_credential_status
from openbadgeslib.ob3.verifier import OB3VerificationError

INPUT = json.load(sys.stdin)
DID, DOCUMENTS = INPUT["did"], INPUT["documents"]


def download(url, *_, **__):
    return DOCUMENTS[url].encode()


def jwt(text):
    return OB3Verifier.for_issuer_did(DID, download=download).verify(text)


def proof(document):
    return OB3LdpVerifier.for_issuer_did(DID).verify(document, download=download)


def is_revoked(credential):
    try:
        check_credential_status(credential, download=download, verify_list=True)
    except OB3VerificationError as error:
        if "'revocation' is set" not in str(error):
            raise
        return True
    return False


def leaves(value, path=()):
    """The paths of all texts."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    elif isinstance(value, str):
        yield path


def altered(document, path):
    copy = json.loads(json.dumps(document))
    *parents, last = path
    inner = copy
    for step in parents:
        inner = inner[step]
    inner[last] += "x"
    return copy


def refused(verify, what, sample):
    try:
        verify(what)
    except Exception:  # of whatever kind: the processor has errors of its own
        return
    raise SystemExit(f"{sample['name']}: accepted although it was altered: {what}")


changes = 0
for sample in INPUT["samples"]:
    document = json.loads(sample["json"])
    for credential in (jwt(sample["jwt"]), proof(sample["json"])):
        assert credential.id == document["id"], sample["name"]
        assert is_revoked(credential) == sample["is_revoked"], sample["name"]
    header, payload, signature = sample["jwt"].split(".")
    refused(jwt, ".".join([header, payload[:-4] + "AAAA", signature]), sample)
    refused(jwt, sample["jwt"][:-8] + "AAAAAAAA", sample)
    for path in leaves(document):
        refused(proof, altered(document, path), sample)
        changes += 1
print(f"{len(INPUT['samples'])} certificates verified by openbadgeslib, {changes} changes refused")
