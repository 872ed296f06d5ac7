from fastapi import FastAPI, HTTPException

app = FastAPI()
MEMBERS = {"soup": {"alice", "bob"}}


@app.post("/join")
async def join(call: dict):
    if call["user"]["id"] not in MEMBERS.get(call["room"], ()):
        raise HTTPException(403)
    return {"content": f"Welcome to {call['room']}."}


@app.post("/message")
async def message(call: dict):
    return {"content": f"Received: {call['message']['content']}"}


@app.post("/leave", status_code=204)
async def leave(call: dict):
    print(call["user"]["id"], "has left", call["room"])
