"""The smoke test of a delivery: does a deployment work? It needs none of its secrets.

Usage: smoke.py URL

It needs Python 3 and nothing else. It writes nothing to the deployment. Each fault is a line.
"""

import json
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# A new stack may be slow to answer for the first time.
PATIENCE_SECONDS = 60
REFERENCE = pathlib.Path(__file__).parent.parent / "docs" / "openapi.json"
# Signed by nobody. The bot's secret is needed to know that, so the answer is 503 where it is missing.
FORGED = {"auth_date": str(int(time.time())), "user": '{"id":1,"first_name":"Ada"}', "hash": "0" * 64}


def ask(url, method="GET", headers=(), body=None):
    """The status, the headers and the document of an answer."""
    request = urllib.request.Request(url, body, dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, json.loads(answer.read() or b"null")


def wait_until_it_answers(base):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if ask(f"{base}/health")[0] == 200:
                return
            fault = "it does not answer 200"
        except (OSError, ValueError) as error:
            fault = str(error)
        if time.monotonic() > deadline:
            sys.exit(f"GET {base}/health: {fault}")
        time.sleep(1)


def faults_of(base):
    def expect(status, code, method, path, headers=(), body=None):
        found, answered, document = ask(base + path, method, headers, body)
        document = document or {}
        if (found, document.get("code")) != (status, code):
            wanted = f"{status} {code}" if code else status
            yield f"{method} {path}: {found} {document} instead of {wanted}"
        if answered.get("X-Content-Type-Options") != "nosniff":
            yield f"{method} {path}: the answer has no security headers"

    # An answer of the functions has these headers, one of API Gateway has not.
    login = {"Authorization": f"tma {urllib.parse.urlencode(FORGED)}"}
    yield from expect(200, None, "GET", "/health")
    yield from expect(401, "hash_mismatch", "POST", "/v1/sessions", login)
    yield from expect(401, "authorization_missing", "GET", "/v1/me")
    yield from expect(401, "token_malformed", "GET", "/v1/me", {"Authorization": "Bearer a.b.c"})
    yield from expect(401, "authorization_missing", "GET", "/v1/system/limits")
    yield from expect(404, "route_not_found", "GET", "/v1/nowhere")
    _, _, keys = ask(f"{base}/.well-known/jwks.json")
    if not (keys or {}).get("keys"):
        yield f"GET /.well-known/jwks.json: no key: {keys}"
    status, _, problem = ask(f"{base}/v1/verify", "POST", {}, b'{"items":[]}')
    if status not in (401, 403):
        yield f"POST /v1/verify without an API key: {status} {problem} instead of 401"
    _, _, served = ask(f"{base}/openapi.json")
    committed = json.loads(REFERENCE.read_text(encoding="utf-8"))
    if served != committed:
        yield "GET /openapi.json: it is not the docs/openapi.json of this commit"


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].startswith(("https://", "http://127.0.0.1")):
        sys.exit(__doc__)
    base = sys.argv[1].rstrip("/")
    wait_until_it_answers(base)
    found = list(faults_of(base))
    if found:
        sys.exit("\n".join(found))
    print(f"{base} answers as it should")
