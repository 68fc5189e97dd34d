"""What `cargo xtask deploy-test` asks of the authorizer: it stands in front of a Node function
(examples/node-behind-authorizer), which is a stack of its own.

Usage: authorizer.py COMMAND STACK [ARGUMENT]..., with AWS_ENDPOINT_URL naming the emulator.

  arn STACK                  print the ARN that the example's template wants
  check STACK EXAMPLE TOKEN  allowed, refused, denied, cached; STACK is minigate's own
"""

import json
import sys
import time

import stack as minigate

USER_ID = 4_503_599_627_370_495  # the largest that Telegram may have


def arn(stack):
    print(minigate.outputs(stack)["AuthorizerArn"])


class Calls:
    """How often the authorizer was asked: it has one line in its log for each time."""

    def __init__(self, stack):
        self.logs = minigate.client("logs")
        self.group = minigate.physical_id(stack, "AuthorizerLogs")

    def count(self):
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=self.group)
        messages = (event["message"] for page in pages for event in page["events"])
        return sum('"message":"request"' in message for message in messages)

    def settled(self, wanted):
        """The count, once it is as wanted or has had its time. Logs come after the answer."""
        deadline = time.monotonic() + 20
        while (found := self.count()) < wanted and time.monotonic() < deadline:
            time.sleep(0.1)
        return found


def check(stack, example, token):
    base, calls, faults = minigate.base_url(example), Calls(stack), []

    def expect(status, path, authorization, document=None):
        found, answer = minigate.call(base, "GET", path, authorization)
        if found != status or (document is not None and answer != document):
            wanted = f"{status} {document or ''}"
            faults.append(f"{path} with {(authorization or 'nothing')[:12]}: {found} {answer} instead of {wanted}")

    init = f"tma {minigate.init_data(token, USER_ID)}"
    _, session = minigate.call(minigate.base_url(stack), "POST", "/v1/sessions", init)
    bearer = f"Bearer {session['access_token']}"
    user = {
        "user_id": str(USER_ID),
        "bot_id": token.split(":")[0],
        "session_id": None,
        "tier": "free",
        "order": None,
    }
    before = calls.count()
    expect(200, "/orders", init, user)
    expect(200, "/orders/7", bearer, {**user, "session_id": session["session_id"], "order": "7"})
    asked = calls.settled(before + 2) - before
    if asked != 2:
        faults.append(f"the authorizer was asked {asked} times for two credentials")

    # The same credentials, on other paths.
    for number in range(20):
        expect(200, f"/orders/{number}", bearer)
        expect(200, "/orders", init)

    refused = [
        "Basic dTpw",
        "tma nothing",
        f"tma {minigate.init_data('1:of-another-bot', USER_ID)}",
        f"Bearer {session['refresh_token']}",
        bearer[:-8] + "AAAAAAAA",
    ]
    for authorization in refused:
        expect(401, "/orders", authorization)
    expect(401, "/orders", None)
    # Genuine init data of no user: the same answer each time, and so cached.
    nobody = f"tma {minigate.signed(token, {'chat_type': 'private'})}"
    for _ in range(5):
        expect(403, "/orders", nobody)

    # API Gateway itself refuses a request without the header; refusals are not cached, a denial is.
    wanted = 2 + len(refused) + 1
    asked = calls.settled(before + wanted) - before
    if asked != wanted:
        faults.append(f"the authorizer was asked {asked} times instead of {wanted}")
    if faults:
        sys.exit("\n".join(faults))
    print(
        f"allowed with init data and with an access token, 42 requests by 2 calls of the authorizer; "
        f"{len(refused) + 1} refusals with 401; 5 with 403 by 1 call"
    )


COMMANDS = {"arn": arn, "check": check}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
