"""A recipe's chat in a terminal: TOKEN=… python3 chat.py [RECIPE] [URL]"""
import asyncio
import json
import os
import sys
import uuid
from datetime import datetime, timezone

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


def message(kind, **payload):
    now = datetime.now(timezone.utc).isoformat()
    return json.dumps({"type": kind, "id": uuid.uuid4().hex, "timestamp": now, "payload": payload})


def auth():
    return message("auth", token=os.environ["TOKEN"])  # In production: a new one each time.


async def listen(socket):
    async for text in socket:
        received = json.loads(text)
        payload = received["payload"]
        if received["type"] == "auth_required":
            await socket.send(auth())
        elif received["type"] == "error":
            print("Refused:", payload["message"], flush=True)
        elif received["type"] in ("chat_message", "recipe_update"):  # Later versions may add types.
            print(f"{payload.get('user_id', 'recipe')}: {payload['content']}", flush=True)


async def talk(socket):
    while line := await asyncio.to_thread(sys.stdin.readline):
        await socket.send(message("chat_message", content=line.rstrip("\n")))
    await asyncio.sleep(1)  # For the last answer.


async def main(recipe="soup", url="ws://127.0.0.1:8080"):
    address = f"{url}/v1/chat/{recipe}"
    async with connect(address, subprotocols=["recipe-chat.v2"]) as socket:
        await socket.send(auth())
        tasks = {asyncio.create_task(listen(socket)), asyncio.create_task(talk(socket))}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        try:
            done.pop().result()
        except ConnectionClosed:  # Its reason says whether to connect again.
            print(f"Closed: {socket.close_code} {socket.close_reason}")


asyncio.run(main(*sys.argv[1:]))
