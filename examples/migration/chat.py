"""Sends one message: TOKEN=… TOKEN_IN=header|query|message python3 chat.py [RECIPE] [URL]"""
import asyncio
import json
import os
import sys
import uuid
from datetime import datetime, timezone

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

# The flag. It is set from outside, so undoing the switch needs no release.
TOKEN_IN = os.environ.get("TOKEN_IN", "header")


def fresh_token():
    return os.environ["TOKEN"]  # In production: from your issuer, each time.


def bare(kind, **payload):
    """What old clients send: the server generates its id and time."""
    return {"type": kind, "payload": payload}


def whole(kind, **payload):
    """What new clients send, also in answer to `auth_required`."""
    now = datetime.now(timezone.utc).isoformat()
    return {"type": kind, "id": uuid.uuid4().hex, "timestamp": now, "payload": payload}


def auth():
    return json.dumps(whole("auth", token=fresh_token()))


def request(url):
    """The old ways: the address and the header lines that hold the token."""
    if TOKEN_IN == "header":
        return url, {"Authorization": f"Bearer {fresh_token()}"}
    if TOKEN_IN == "query":
        return f"{url}?token={fresh_token()}", {}
    return url, {}


async def main(recipe="soup", server="ws://127.0.0.1:8080"):
    url, headers = request(f"{server}/v1/chat/{recipe}")
    async with connect(url, additional_headers=headers) as socket:
        if TOKEN_IN == "message":  # The new way.
            await socket.send(auth())
            hello = whole("chat_message", content="Hello")
        else:  # The old ways. The heartbeat is one of many, which are not answered.
            await socket.send(json.dumps({"type": "heartbeat"}))
            hello = bare("chat_message", content="Hello")
        await socket.send(json.dumps(hello))
        while True:
            received = json.loads(await socket.recv())
            payload = received["payload"]
            if received["type"] == "auth_required":  # Both ways: 14 minutes later.
                await socket.send(auth())
            elif received["type"] == "error":  # The message was refused, and the connection goes on.
                sys.exit(f"error: {payload['error']}")
            elif received["type"] == "recipe_update":
                request_id = payload["request_id"]
                if session := payload.get("session"):
                    print("joined as", session["user_id"], flush=True)
                elif request_id and request_id == hello.get("id", request_id):
                    print("answered:", payload["content"])
                    return


try:
    asyncio.run(main(*sys.argv[1:]))
except InvalidStatus as refused:
    sys.exit(f"refused: {refused.response.status_code}")
except ConnectionClosed as closed:
    end = closed.rcvd  # None if the connection broke.
    sys.exit(f"closed: {end.code} {end.reason}" if end else "closed: 1006")
