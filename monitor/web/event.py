"""The presenter's screen: one word, one shape, how old the last run is, and plan B; without a script, and it renews."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from alerts import occasions
from alerts.tables import Occasion
from monitor.services.events import PAST, present
from monitor.tokens import Known, event_token, key_in
from probes.words.errors import StoreError
from probes.words.units import DAY

if TYPE_CHECKING:
    from monitor.app import Keeper

RENEWS = 5  # seconds
# A shape and a lightness of its own for each word: it means the same in grey, and to whoever sees no red.
LOOKS = {
    "GO": ("#0b6b3a", "#fff", "&#9679;"),
    "CAREFUL": ("#ffd23f", "#111", "&#9650;"),
    "STOP": ("#8b0000", "#fff", "&#9632;"),
    "NOT YET": ("#e8eaed", "#111", "&#9675;"),
    "OVER": ("#e8eaed", "#111", "&#8211;"),
}
_STYLE = """
*{box-sizing:border-box}html,body{margin:0;min-height:100%}
body{font:clamp(16px,2.4vmin,28px)/1.4 system-ui,sans-serif;padding:4vmin;min-height:100vh}
body{display:flex;flex-direction:column;gap:2vmin}
h1{font-size:1.1em;font-weight:600;margin:0}
.word{font-size:min(21vw,34vh);font-weight:800;line-height:1;margin:auto 0 0;white-space:nowrap}
.word.long{font-size:min(13vw,30vh)}.shape{font-size:.6em;vertical-align:.12em}
.why{font-size:1.5em;margin:0 0 auto;overflow-wrap:anywhere}
.plan{font-size:2em;line-height:1.25;border:.12em solid;padding:.5em;margin:0;overflow-wrap:anywhere}
.plan b{display:block;font-size:.5em;letter-spacing:.08em}
.foot{margin:0;display:flex;flex-wrap:wrap;gap:.2em 2em}ul{margin:0;padding:0;list-style:none}
"""


def routes(keeper: Keeper) -> list[Route]:
    """GET /event/TOKEN; a wrong token is told nothing."""
    key = key_in(keeper.folder)

    async def screen(request: Request) -> Response:
        now = keeper.clock.now()

        def read(session: Session) -> list[Occasion]:
            return [row.model_copy() for row in occasions.between(session, now - PAST, now + 400 * DAY)]

        try:
            rows = {str(row.id): row for row in await keeper.store.read(read)}
            wanted = Known((event_token(key, int(number)), number) for number in rows).opens(
                request.path_params["token"]
            )
            if wanted is None:
                return HTMLResponse("There is nothing here.", 404)
            return HTMLResponse(page(await present(keeper, rows[wanted])), headers={"Cache-Control": "no-store"})
        except StoreError:
            return HTMLResponse(_unknown(), 503, headers={"Refresh": str(RENEWS)})

    return [Route("/event/{token:str}", screen)]


def page(found: dict[str, Any]) -> str:
    """The screen of an event as HTML."""
    word = str(found["word"])
    back, ink, shape = LOOKS[word]
    broken = word == "STOP" or (word == "CAREFUL" and bool(found["plan_b"]))
    plan = f"<p class=plan><b>PLAN B</b>{escape(found['plan_b'])}</p>" if broken and found["plan_b"] else ""
    parts = found["workflows_now"]
    listed = "".join(f"<li>{LOOKS[one['word']][2]} {escape(one['name'])}: {escape(one['why'])}</li>" for one in parts)
    some = f"<ul>{listed}</ul>" if len(parts) > 1 else ""
    age = found["age_seconds"]
    seen = "not run yet" if age is None else f"last run {age} s ago"
    until = "begins in" if found["state"] == "planned" else "left"
    left = "over" if found["state"] == "over" else f"{until} {length(found['left_seconds'])}"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<meta http-equiv=refresh content={RENEWS}><meta name=robots content=noindex>"
        f"<title>{escape(word)}: {escape(found['title'])}</title>"
        f"<style>{_STYLE}body{{background:{back};color:{ink}}}</style>"
        f"<h1>{escape(found['title'])}</h1><p class='word{' long' if len(word) > 5 else ''}'>"
        f"<span class=shape>{shape}</span> {escape(word)}</p><p class=why>{escape(found['why'])}</p>{plan}{some}"
        f"<p class=foot><span>{escape(seen)}</span><span>{escape(left)}</span>"
        f"<span>as of {escape(found['now'])} UTC</span></p>"
    )


def length(seconds: int) -> str:
    """`1 h 05 min`, `12 min`, `40 s`."""
    minutes = seconds // 60
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def _unknown() -> str:
    return "<!doctype html><title>CAREFUL</title><h1>CAREFUL</h1><p>Nothing is known: the record cannot be read."
