"""A recipe's chat in a terminal: TOKEN=… python3 chat.py [RECIPE] [URL]"""
import asyncio
import json
import os
import random
import sys
import time
import uuid
from datetime import datetime, timezone

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException


def message(kind, **payload):
    now = datetime.now(timezone.utc).isoformat()
    return {"type": kind, "id": uuid.uuid4().hex, "timestamp": now, "payload": payload}


class Chat:
    """One room, over as many sockets as it takes."""

    socket = None  # While the server takes messages.
    position = None  # The last one in the room; with it, the server sends what was missed.
    memo = None  # The last one; with it, the server has less to do.
    within = 1  # Seconds within which to come back, as the server said last.
    slot = None  # Seconds after which to come back, if the server has said so.

    def __init__(self):
        self.unanswered = {}  # By id: text, when it was first sent, on which socket last.

    async def authenticate(self, socket):
        resume = {"position": self.position, "memo": self.memo} if self.position else {}
        token = os.environ["TOKEN"]  # In production: a new one each time.
        await socket.send(json.dumps(message("auth", token=token, resume=resume)))

    async def flush(self):
        """Sends what this socket has not had, in its order."""
        socket = self.socket
        for said in list(self.unanswered.values()):
            text, sent_at, sent_on = said
            if sent_on is socket:
                continue
            if sent_at and time.time() - sent_at > 540:  # After 600, it might be done twice.
                print("It may have arrived, or not:", text, flush=True)
                del self.unanswered[json.loads(text)["id"]]
                continue
            said[1:] = sent_at or time.time(), socket
            await socket.send(text)

    async def receive(self, socket, kind, payload):
        session = payload.get("session")
        if session:
            self.within = max(1, session.get("reconnect", {}).get("within_ms", 1000) / 1000)
            if self.socket is None:
                self.socket = socket
                await self.flush()
        resume = (session or {}).get("resume", {})
        self.memo = resume.get("memo") or self.memo
        self.position = payload.get("position") or resume.get("position") or self.position
        self.unanswered.pop(payload.get("request_id"), None)
        if kind == "auth_required":
            await self.authenticate(socket)
        elif kind == "going_away":
            self.slot = payload["reconnect_after_ms"] / 1000
            self.within = max(1, payload.get("within_ms", self.within * 1000) / 1000)
        elif kind == "error":
            print("Refused:", payload["message"], flush=True)
        elif kind in ("chat_message", "recipe_update"):  # Later versions may add types.
            print(f"{payload.get('user_id', 'recipe')}: {payload['content']}", flush=True)

    async def stay(self, address):
        """Until the server says that it is no use to come again."""
        failures = 0
        while True:
            socket = None
            try:
                async with connect(address, subprotocols=["recipe-chat.v2"]) as socket:
                    await self.authenticate(socket)
                    async for text in socket:
                        failures = 0
                        received = json.loads(text)
                        await self.receive(socket, received["type"], received["payload"])
            except (OSError, WebSocketException):
                pass
            self.socket = None
            if socket and socket.close_code in (1000, 1002, 1003, 1007, 1008, 1009):
                return print(f"Closed: {socket.close_reason}", flush=True)
            if self.slot is None:
                longest = min(max(30, self.within), self.within * 2 ** min(failures, 10))
                await asyncio.sleep(random.uniform(0, longest))
                failures += 1
            else:
                await asyncio.sleep(self.slot)
                self.slot = None  # The back-off begins behind it.

    async def talk(self):
        while line := await asyncio.to_thread(sys.stdin.readline):
            said = message("chat_message", content=line.rstrip("\n"))
            self.unanswered[said["id"]] = [json.dumps(said), None, None]
            try:
                if self.socket:
                    await self.flush()
            except ConnectionClosed:
                pass  # It is sent again.
        while self.unanswered:
            await asyncio.sleep(0.1)


async def main(recipe="soup", url="ws://127.0.0.1:8080"):
    chat = Chat()
    staying = asyncio.create_task(chat.stay(f"{url}/v1/chat/{recipe}"))
    talking = asyncio.create_task(chat.talk())
    try:
        await asyncio.wait({staying, talking}, return_when=asyncio.FIRST_COMPLETED)
        if staying.done() and (fault := staying.exception()):
            print("Failed:", repr(fault), flush=True)
    finally:
        staying.cancel()
        await asyncio.wait({staying})
        if not talking.done():
            os._exit(1)  # Nothing else ends a thread that waits for a line.


asyncio.run(main(*sys.argv[1:]))
