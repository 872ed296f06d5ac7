"""An example backend for Vestibule: recipes in memory, each for its owner and their guests.

Vestibule keeps the connections and checks the tokens; this says who may open which recipe,
what a message does, and which messages the others see. Run it with `uvicorn app:app`; see README.md.
"""

import base64
import hashlib
import hmac
import logging
import os
import re
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, Field

log = logging.getLogger("uvicorn.error")

TOLERANCE_SECONDS = 300


def read_key() -> bytes | None:
    """The key behind `whsec_…` in the file that BACKEND_SECRET_FILE names; None without one."""
    path = os.environ.get("BACKEND_SECRET_FILE")
    if not path:
        log.warning("BACKEND_SECRET_FILE is not set: everybody on this host is believed")
        return None
    text = Path(path).read_text().strip()
    return base64.b64decode(text.removeprefix("whsec_"), validate=True)


KEY = read_key()


async def verify(request: Request) -> None:
    """Refuses what Vestibule did not sign, or not lately (Standard Webhooks)."""
    if KEY is None:
        return
    request_id = request.headers.get("webhook-id", "")
    timestamp = request.headers.get("webhook-timestamp", "")
    signatures = request.headers.get("webhook-signature", "").split()
    if not timestamp.isascii() or not timestamp.isdigit():
        raise HTTPException(401, "no timestamp")
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        raise HTTPException(401, "too old, or from the future")
    signed = f"{request_id}.{timestamp}.".encode() + await request.body()
    digest = hmac.new(KEY, signed, hashlib.sha256).digest()
    wanted = b"v1," + base64.b64encode(digest)
    # Each is compared in constant time; there are two while a secret is being changed.
    if not any(hmac.compare_digest(wanted, given.encode()) for given in signatures):
        raise HTTPException(401, "wrong signature")


class User(BaseModel):
    """Who asks: the token's `sub`; on a join all of its claims, on a message those of
    `backend.claims`."""

    id: str
    claims: dict[str, Any] = {}


class Call(BaseModel):
    """What every call has."""

    room: str
    user: User
    connection_id: str


class Client(BaseModel):
    """What is known of the client. Only the address is always there, and nobody has proved the
    rest."""

    address: str
    origin: str | None = None
    user_agent: str | None = None
    subprotocol: str | None = None
    query: str | None = None


class Join(Call):
    reauth: bool
    client: Client


class ChatMessage(BaseModel):
    id: str
    timestamp: str
    content: str


class Said(Call):
    message: ChatMessage


class Left(Call):
    code: int | None
    reason: str | None


class Ingredient(BaseModel):
    text: str
    quantity: float | None = None
    unit: str | None = None


class Recipe(BaseModel):
    owner: str = Field(exclude=True)
    id: str
    title: str
    servings: int
    ingredients: list[Ingredient] = []
    steps: list[str] = []

    def data(self) -> dict[str, Any]:
        """The recipe as clients see it."""
        return self.model_dump() | {"yield": f"{self.servings} servings"}


RECIPES = {
    recipe.id: recipe
    for recipe in [
        Recipe(
            owner="alice",
            id="soup",
            title="Tomato soup",
            servings=4,
            ingredients=[
                Ingredient(text="tomatoes", quantity=800, unit="g"),
                Ingredient(text="onion", quantity=1),
                Ingredient(text="salt"),
            ],
            steps=["Fry the onion.", "Add the tomatoes and simmer for 20 minutes."],
        ),
        Recipe(owner="bob", id="stew", title="Lentil stew", servings=2),
    ]
}


def recipe_of(call: Call) -> Recipe:
    """The recipe, for its owner and their guests. That it is another's is not told apart from no
    recipe."""
    recipe = RECIPES.get(call.room)
    if recipe is None or call.user.id not in (recipe.owner, f"guest-of-{recipe.owner}"):
        raise HTTPException(404, "no such recipe")
    return recipe


def rename(recipe: Recipe, title: str) -> str:
    recipe.title = title.strip()
    return f"It is called {recipe.title} now."


def scale(recipe: Recipe, servings: str) -> str:
    wanted = int(servings)
    factor = wanted / recipe.servings
    for ingredient in recipe.ingredients:
        if ingredient.quantity is not None:
            ingredient.quantity = round(ingredient.quantity * factor, 2)
    recipe.servings = wanted
    return f"It serves {wanted} now."


COMMANDS = [
    (re.compile(r"rename to (.{1,200})", re.IGNORECASE), rename),
    (re.compile(r"scale to ([1-9]\d{0,3}) servings?", re.IGNORECASE), scale),
]
HELP = "I understand: `Rename to …`, `Scale to N servings`, `What time is it?`."
LINK = re.compile(r"https?://", re.IGNORECASE)
SWEAR_WORD = re.compile(r"\bdarn\b", re.IGNORECASE)

# The answers to the last messages, so that one that comes again is not done again. A real backend
# stores them with the change.
ANSWERS: OrderedDict[tuple[str, str, str], tuple[str, dict[str, Any]]] = OrderedDict()
MAX_ANSWERS = 1_000


def first_answer(call: Said) -> dict[str, Any]:
    """The answer to a message, the same however often it comes."""
    key = (call.room, call.user.id, call.message.id)
    if known := ANSWERS.get(key):
        content, answer = known
        if content != call.message.content:
            raise HTTPException(409, "this id was used for another message")
        return answer
    answer = answer_to(call)
    ANSWERS[key] = (call.message.content, answer)
    if len(ANSWERS) > MAX_ANSWERS:
        ANSWERS.popitem(last=False)
    return answer


def answer_to(call: Said) -> dict[str, Any]:
    recipe = recipe_of(call)
    said = call.message.content.strip()
    # Needs `backend.moderate`: without it the others have the message already.
    if LINK.search(said):
        return {"deliver": False, "reason": "No links, please."}
    if SWEAR_WORD.search(said):
        changed = SWEAR_WORD.sub("d***", call.message.content)
        return {"content": "Mind your words.", "message": {"content": changed}}
    if said == "What time is it?":
        return {"content": f"You asked at {call.message.timestamp}."}
    for pattern, change in COMMANDS:
        if match := pattern.fullmatch(said):
            # Needs `backend.claims` with `role`.
            if call.user.claims.get("role") == "guest":
                return {"content": "Guests can only look."}
            return {"content": change(recipe, match[1]), "recipe_data": recipe.data()}
    return {"content": HELP}


app = FastAPI(dependencies=[Depends(verify)], docs_url=None, redoc_url=None, openapi_url=None)


@app.post("/join")
async def join(call: Join) -> dict[str, Any]:
    recipe = recipe_of(call)
    client = call.client
    log.info("%s joins %s from %s with %s", call.user.id, call.room, client.address, client.query)
    return {"content": f"Let's cook {recipe.title}.", "recipe_data": recipe.data()}


# Nothing is awaited between reading a recipe and changing it, so two calls cannot mix. With a
# database, use its transactions: different connections call at the same time.
@app.post("/message")
async def message(call: Said) -> dict[str, Any]:
    return first_answer(call)


@app.post("/leave")
async def leave(call: Left) -> Response:
    log.info("%s has left %s: %s %s", call.user.id, call.room, call.code, call.reason)
    return Response(status_code=204)
