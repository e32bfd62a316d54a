"""What is left of a probe whose spending is used up: does anybody answer, at no token's cost?

A failure is known, and is the probe's. A success proves too little, and is `skipped`: unknown, never up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probes.context import Context
from probes.words.dialects import DIALECT_NAMES, HEADERS, models_path

_TALKS = ("/chat/completions", "/responses", "/messages", "/chat")  # what stands in the place of the list


async def canary(ctx: Context, *, chat: Mapping[str, Any], url: str, why: str) -> None:
    """Ask for the list of models where the target speaks a dialect, else for its front page."""
    dialect = str(chat.get("dialect") or "")
    async with ctx.step("without tokens"):
        reply = await ctx.http.get(_list(dialect, chat, url), headers=HEADERS.get(dialect, {}))
        # A front page may well be kept from the public; the list of models is what the key is for.
        ctx.check(reply).status(*("2xx",) if dialect else ("2xx", "3xx", "4xx"))
    ctx.skip(f"{why}; a check without tokens passed" if why else "a check without tokens passed")


def _list(dialect: str, chat: Mapping[str, Any], url: str) -> str:
    if dialect not in DIALECT_NAMES:
        return "/"
    usual, own = models_path(dialect, url), str(chat.get("path") or "").partition("?")[0]
    if not own:
        return usual
    talk = next((end for end in _TALKS if own.endswith(end)), "")
    return f"{own.removesuffix(talk).rstrip('/')}/{usual.rpartition('/')[2]}"
