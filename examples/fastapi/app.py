"""An example backend for Vestibule: recipes in memory, each of which is its owner's alone.

Vestibule keeps the connections and checks the tokens; this says who may open which recipe and what
a message does. Run it with `uvicorn app:app`; see README.md.
"""

import base64
import hashlib
import hmac
import logging
import os
import re
import time
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
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
    """Who asks: the token's `sub`, and on a join all of its claims."""

    id: str
    claims: dict[str, Any] = {}


class Call(BaseModel):
    """What every call has."""

    room: str
    user: User
    connection_id: str


class Join(Call):
    reauth: bool


class ChatMessage(BaseModel):
    id: str
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
    """The recipe, if it is this user's. That it is another's is not told apart from no recipe."""
    recipe = RECIPES.get(call.room)
    if recipe is None or recipe.owner != call.user.id:
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
HELP = "I understand: `Rename to …`, `Scale to N servings`."

app = FastAPI(dependencies=[Depends(verify)], docs_url=None, redoc_url=None, openapi_url=None)


@app.post("/join")
async def join(call: Join) -> dict[str, Any]:
    recipe = recipe_of(call)
    return {"content": f"Let's cook {recipe.title}.", "recipe_data": recipe.data()}


# Nothing is awaited between reading a recipe and changing it, so two calls cannot mix. With a
# database, use its transactions: different connections call at the same time.
@app.post("/message")
async def message(call: Said) -> dict[str, Any]:
    recipe = recipe_of(call)
    for pattern, change in COMMANDS:
        if match := pattern.fullmatch(call.message.content.strip()):
            content = change(recipe, match[1])
            return {"content": content, "recipe_data": recipe.data()}
    return {"content": HELP}


@app.post("/leave")
async def leave(call: Left) -> dict[str, Any]:
    log.info("%s has left %s: %s %s", call.user.id, call.room, call.code, call.reason)
    return {}
