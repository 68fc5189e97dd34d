"""The releases of an environment, in its artefact bucket, for redeployments.

Usage: release.py keep BUCKET STACK FILE      after the smoke test passed: FILE is the current release
       release.py current BUCKET STACK FILE   fetch the current release into FILE, or report that there is none
       release.py fetch BUCKET STACK FILE DIGEST   fetch the release with this digest into FILE

It prints the SHA-256 of the release, which is its name, and verifies fetched files against it. It needs
boto3, which comes with the SAM CLI (infrastructure/python/sam.txt).
"""

import hashlib
import pathlib
import re
import sys

import boto3


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def keep(releases, file):
    content = pathlib.Path(file).read_bytes()
    digest = digest_of(content)
    releases(f"{digest}.tar.gz").put(Body=content)
    # Last, so that it never names what is not there.
    releases("current").put(Body=f"{digest}\n".encode())
    return digest


def current(releases, file):
    name = releases("current")
    try:
        digest = name.get()["Body"].read().decode().strip()
    except name.meta.client.exceptions.NoSuchKey:
        sys.exit("no release has passed its smoke test before, so there is none to go back to")
    return fetch(releases, file, digest)


def fetch(releases, file, digest):
    if not re.fullmatch("[0-9a-f]{64}", digest):
        sys.exit(f"{digest} is no SHA-256")
    content = releases(f"{digest}.tar.gz").get()["Body"].read()
    if digest_of(content) != digest:
        sys.exit(f"the release {digest} is not what was kept under this name")
    pathlib.Path(file).write_bytes(content)
    return digest


COMMANDS = {"keep": (keep, 0), "current": (current, 0), "fetch": (fetch, 1)}

if __name__ == "__main__":
    command, more = COMMANDS.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if command is None or len(sys.argv) != 5 + more:
        sys.exit(__doc__)
    _, _, bucket, stack, *arguments = sys.argv
    s3 = boto3.resource("s3")
    print(command(lambda name: s3.Object(bucket, f"{stack}/releases/{name}"), *arguments))
