"""From page models to files: rendered, written beside, and renamed into place, so that no reader ever sees half a
page."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from monitor.ledger.uptime import Day, figures
from monitor.status.bars import strip
from monitor.status.build import Made
from monitor.status.model import CorrectionPart, Page
from probes.words.outcome import State
from templates import render

INDEX, DATA = "index.html", "status.json"
ESCALATION = "escalation.html"  # stands there by choice
OURS = b'<meta name="generator" content="showup">'
PRIVATE = "c"  # the folder of the pages that are not listed
_TOKEN = re.compile(r"[\w-]{27}", re.ASCII)  # 20 bytes in URL-safe base64
_DOTS = {
    State.UP: "%232c7a5a",
    State.DEGRADED: "%23cb7a06",
    State.DOWN: "%23c33a2d",
    State.MAINTENANCE: "%235b83b5",
    State.UNKNOWN: "%238a8a8a",
}


def html(page: Page, *, private: bool = False) -> str:
    """The page as one file that asks nothing of any other host."""
    from markupsafe import Markup

    strips = {view.key: strip(view.days) for group in page.groups for view in group.workflows}
    dot = Markup(_DOTS[page.state])  # one of five constants
    return render("status/page.html.j2", page=page, strips=strips, private=private, favicon=dot)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def data(page: Page) -> str:
    """status.json: the same figures for programs. Percentages are strings as on the page, floored; days carry µs."""
    head = {
        "title": page.title,
        "state": str(page.state),
        "summary": page.headline,
        "made": page.made_iso,
        "stale_from": page.stale_iso,
        "simulated": bool(page.simulated),
    }
    tail = {
        "open_incidents": [asdict(one) for one in page.open],
        "incidents": [asdict(one) for one in page.past],
        "maintenance": list(page.planned),
    }
    workflows = ",".join(_workflow(view) for group in page.groups for view in group.workflows)
    return f'{_encode(head)[:-1]},"workflows":[{workflows}],{_encode(tail)[1:]}'


def _workflow(view: Any) -> str:
    """One workflow as JSON; its days, nearly all of the file, are put in as they were made before."""
    found = {
        "workflow": view.key,
        "title": view.title,
        "promise": view.promise,
        "state": str(view.state),
        "since": view.since.isoformat() if view.since else None,
        "figures": {one.label: one.text for one in view.figures},
        "slo": view.slo,
        "corrections": [_correction(one) for one in view.corrections],
    }
    return f'{_encode(found)[:-1]},"days":[{",".join(map(_day, view.days))}]}}'


def _correction(one: CorrectionPart) -> dict[str, Any]:
    return {
        "start": one.start_iso,
        "end": one.end_iso,
        "state": str(one.state),
        "probes": list(one.probes),
        "reason": one.reason,
        "author": one.author,
    }


@lru_cache(200_000)
def _day(day: Day) -> str:
    """A day as JSON, made once: but for today, days do not change any more."""
    shares, found = day.shares, figures(day.shares) if day.shares is not None else None
    return _encode(
        {
            "date": day.date.isoformat(),
            "uptime": None if found is None or found.uptime is None else found.uptime / 1000,
            "coverage": None if found is None or found.coverage is None else found.coverage / 1000,
            "microseconds": asdict(shares) if shares is not None else None,
        }
    )


def files(made: Iterable[Made]) -> dict[str, bytes]:
    """Every file of the site by its path, the pages last: they refer to the others."""
    found: dict[str, bytes] = {}
    for one in made:
        before = f"{one.folder}/" if one.folder else ""
        found[f"{before}{DATA}"] = data(one.page).encode()
    for one in made:
        before = f"{one.folder}/" if one.folder else ""
        found[f"{before}{INDEX}"] = html(one.page, private=bool(one.folder)).encode()
    return found


def write(found: dict[str, bytes], folder: Path) -> int:
    """Put files into a folder, each whole or not at all; returns how many changed. Raises OSError."""
    changed = 0
    for name, body in found.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() and place.read_bytes() == body:
            continue
        _put(place, body)
        changed += 1
    return changed + _take_back(found, folder / ESCALATION) + _take_away(found, folder / PRIVATE)


def _take_back(found: dict[str, bytes], place: Path) -> int:
    """Take a page away that stands there by choice and is no longer chosen; one that somebody else made stays."""
    if place.name in found or not place.is_file() or OURS not in place.read_bytes()[:2_000]:
        return 0
    place.unlink()
    return 1


def _take_away(found: dict[str, bytes], folder: Path) -> int:
    """Take away the pages of clients that have none any more: an address that was given to somebody shows no old
    figures for ever. Only files that we made are touched."""
    gone = 0
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        ours = _TOKEN.fullmatch(place.name) is not None and place.is_dir() and not place.is_symlink()
        if not ours or f"{PRIVATE}/{place.name}/{INDEX}" in found:
            continue
        for name in (INDEX, DATA):
            if (place / name).is_file():
                (place / name).unlink()
                gone += 1
        with contextlib.suppress(OSError):  # somebody keeps something else there
            place.rmdir()
    return gone


def _put(place: Path, body: bytes) -> None:
    beside = place.with_name(f".{place.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, place)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
