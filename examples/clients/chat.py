"""A recipe's chat in a terminal: TOKEN=… python3 chat.py [RECIPE] [URL]"""
import asyncio
import json
import os
import random
import sys
import uuid
from datetime import datetime, timezone

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException


def message(kind, **payload):
    now = datetime.now(timezone.utc).isoformat()
    return {"type": kind, "id": uuid.uuid4().hex, "timestamp": now, "payload": payload}


class Chat:
    """One room, over as many sockets as it takes."""

    socket = None
    position = None  # The last one in the room; with it, the server sends what was missed.
    memo = None  # The last one; with it, the server has less to do.
    within = 1  # Seconds within which to come back, as the server said last.
    slot = None  # Seconds after which to come back, if the server has said so.

    def __init__(self):
        self.unanswered = {}  # By id: sent again after a reconnection, and done once.

    async def authenticate(self):
        resume = {"position": self.position, "memo": self.memo} if self.position else {}
        token = os.environ["TOKEN"]  # In production: a new one each time.
        await self.socket.send(json.dumps(message("auth", token=token, resume=resume)))

    async def receive(self, kind, payload):
        session = payload.get("session")
        if session:
            self.within = session.get("reconnect", {}).get("within_ms", 1000) / 1000
            for text in self.unanswered.values():
                await self.socket.send(text)
        resume = (session or {}).get("resume", {})
        self.memo = resume.get("memo") or self.memo
        self.position = payload.get("position") or resume.get("position") or self.position
        self.unanswered.pop(payload.get("request_id"), None)
        if kind == "auth_required":
            await self.authenticate()
        elif kind == "going_away":
            self.slot = payload["reconnect_after_ms"] / 1000
            self.within = payload.get("within_ms", self.within * 1000) / 1000
        elif kind == "error":
            print("Refused:", payload["message"], flush=True)
        elif kind in ("chat_message", "recipe_update"):  # Later versions may add types.
            print(f"{payload.get('user_id', 'recipe')}: {payload['content']}", flush=True)

    async def stay(self, address):
        """Until the server says that it is no use to come again."""
        failures = 0
        while True:
            try:
                async with connect(address, subprotocols=["recipe-chat.v2"]) as self.socket:
                    await self.authenticate()
                    async for text in self.socket:
                        failures = 0
                        received = json.loads(text)
                        await self.receive(received["type"], received["payload"])
            except (OSError, WebSocketException):
                pass
            closed = self.socket
            self.socket = None
            if closed and closed.close_code == 1008:
                return print(f"Closed: {closed.close_reason}")
            if self.slot is None:
                await asyncio.sleep(random.uniform(0, min(max(30, self.within), self.within * 2**failures)))
                failures += 1
            else:
                await asyncio.sleep(self.slot)
                self.slot = None  # The back-off begins behind it.

    async def talk(self):
        while line := await asyncio.to_thread(sys.stdin.readline):
            said = message("chat_message", content=line.rstrip("\n"))
            self.unanswered[said["id"]] = json.dumps(said)
            try:
                if self.socket and self.position:
                    await self.socket.send(self.unanswered[said["id"]])
            except ConnectionClosed:
                pass  # It is sent again.
        while self.unanswered:
            await asyncio.sleep(0.1)


async def main(recipe="soup", url="ws://127.0.0.1:8080"):
    chat = Chat()
    tasks = {asyncio.create_task(chat.stay(f"{url}/v1/chat/{recipe}")), asyncio.create_task(chat.talk())}
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    done.pop().result()


asyncio.run(main(*sys.argv[1:]))
