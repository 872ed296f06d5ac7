"""A server for the comparison: the whole conversation, on asyncio and `websockets` (13 or later)."""
import asyncio, json, sys, uuid
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

rooms = {}

def update(answered):
    payload = {"request_id": answered["id"], "content": "Noted.", "recipe_data": None}
    message = {"type": "recipe_update", "id": str(uuid.uuid4()), "payload": payload}
    return json.dumps(message, separators=(",", ":"))

async def talk(socket):
    room = rooms.setdefault(socket.request.path, set())
    try:
        auth = json.loads(await asyncio.wait_for(socket.recv(), 5))
        room.add(socket)  # A fair server checks auth["payload"]["token"] first.
        await socket.send(update(auth))
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "chat_message":
                for other in room - {socket}:
                    await other.send(json.dumps(message, separators=(",", ":")))
                await socket.send(update(message))
    except TimeoutError:
        await socket.close(1008, "Authentication timeout")
    except ConnectionClosed:
        pass
    finally:
        room.discard(socket)

async def main(port):
    async with serve(talk, "127.0.0.1", port, compression=None, backlog=4096) as server:
        await server.serve_forever()

asyncio.run(main(int(sys.argv[1])))
