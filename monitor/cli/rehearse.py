"""`showup drill WORKFLOW`: a staged failure, followed while it happens, and its report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.cli.asking import ask
from monitor.cli.paper import at, hung, paper, plain, took
from probes.words.errors import Refused, ShowupError
from probes.words.units import SECOND

Found = Mapping[str, Any]
Ask = Callable[..., Any]
LOOK_EVERY = 0.5  # seconds
LATEST = 180.0  # seconds that a drill may take to be measured once it was healed


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for, beside the drill itself."""

    config: Path | None
    state: Path | None
    by: str
    output: Path | None
    names: bool = True
    as_json: bool = False
    wait: bool = True


def run_rehearsal(asked: Asked, given: Mapping[str, Any]) -> int:
    """Stage it, look on until it is over, and report: 0 when it passed."""

    def service(name: str, **more: Any) -> Any:
        return ask(name, asked.config, asked.state, **more)

    started = service("drill_start", **given, by=asked.by)
    number = str(started["id"])
    if not asked.wait:
        out = paper()
        out.print(f"The drill {number} goes on: {plain(started['probe'])} is staged to fail.")
        out.print(f"See: showup drill report {number}. End it: showup drill stop {number}.")
        return 0
    with stops_it(service, number, asked.by):
        found = follow(service, number, quiet=asked.as_json)
    return show_report(found, asked.output, names=asked.names, as_json=asked.as_json, brief=True)


@contextmanager
def stops_it(service: Ask, number: str, by: str) -> Iterator[None]:
    """Whatever ends the looking on, Ctrl-C or SIGTERM among it, heals what was staged."""
    import signal

    def told(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, told)
    try:
        yield
    except KeyboardInterrupt:
        paper().print("\nCalled off: what was staged is healed.")
        service("drill_stop", id=number, by=by)
        raise SystemExit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def follow(service: Ask, number: str, *, quiet: bool = False, seen: Callable[[Found], None] | None = None) -> Found:
    """Tell what happens as it happens, until the drill is over; `seen` is shown each look. Returns the report."""
    teller, healed = Teller(quiet=quiet), 0.0
    while True:
        found: Found = service("drill", id=number)
        teller.tell(found)
        if seen is not None:
            seen(found)
        if found["outcome"] != "running":
            return found
        if (found.get("times") or {}).get("healed"):
            healed = healed or time.monotonic()
            if time.monotonic() - healed > LATEST:
                raise ShowupError("the drill does not come to its end", hint="see: showup drills")
        time.sleep(LOOK_EVERY)


class Teller:
    """Prints each stage once, with the seconds since the failure was injected."""

    def __init__(self, *, quiet: bool) -> None:
        self._out, self._quiet = paper(), quiet
        self._told: set[str] = set()

    def tell(self, found: Found) -> None:
        """What is new in a drill."""
        began = int(found["began"])
        loud = "as loud as a real page" if found["urgent"] else "of low urgency"
        name = (found.get("rule") or {}).get("name", "")
        self._say("injected", began, began, f"drill {found['id']} of {found['title']}: {name} fails now, {loud}")
        if found.get("due") and found["due"] > found["now_at"] and not found.get("now"):
            wait = took(found["due"] - found["now_at"])
            self._say("due", began, None, f"its next run is at {at(found['due'])[11:]}, in {wait}")
        times = found.get("times") or {}
        if times.get("detected"):
            self._say("detected", began, times["detected"], f"noticed: incident {found['incident']}")
        for page in sorted(found.get("pages") or (), key=lambda one: one["accepted"] or 0):
            self._page(page, began)
        if times.get("paged") and not times.get("acknowledged") and not times.get("healed"):
            self._say("wait", began, None, "waiting for an answer: acknowledge it as you would a real page")
        if times.get("acknowledged"):
            answer = found.get("answer") or {}
            via = f" through {answer['via']}" if answer.get("via") else ""
            self._say("acked", began, times["acknowledged"], f"answered by {answer.get('by')}{via}")
        if times.get("healed"):
            self._say("healed", began, times["healed"], found.get("stopped") or "healed")
        if times.get("resolved"):
            self._say("resolved", began, times["resolved"], "resolved")

    def _page(self, page: Found, began: int) -> None:
        who = f"{page['to']} by {page['channel']}"
        key = page["number"]  # its name may change meanwhile: PagerDuty says whom it told
        if page["accepted"]:
            self._say(f"page {key}", began, page["accepted"], f"{who}: accepted")
            if page["proof"] == "read back":
                self._say(f"proof {key}", began, None, f"{who}: read back from the service")
        elif page["error"]:
            self._say(f"error {key} {page['error']}", began, None, f"{who}: {page['error']}")

    def _say(self, key: str, began: int, when: int | None, text: str) -> None:
        if key in self._told or self._quiet:
            return
        self._told.add(key)
        head = f"{(when - began) / SECOND:8.2f} s  " if when is not None else " " * 12
        for line in hung(head, plain(text, 300), self._out.width):
            self._out.print(line, soft_wrap=True)


def show_report(found: Found, output: Path | None, *, names: bool, as_json: bool, brief: bool = False) -> int:
    """The report of a drill, on the screen and as a page: 0 when it passed."""
    if output is not None:
        write_page(found, output, names=names)
    if as_json:
        from monitor.cli.show import as_json as print_json
        from monitor.status.drill_page import unnamed

        print_json(found if names else unnamed(found))
    else:
        from monitor.cli import show_drills

        show_drills.report(found, output, names=names, brief=brief)
    return 0 if found["outcome"] == "passed" else 1


def write_page(found: Found, place: Path, *, names: bool) -> None:
    """The report as a page of its own, or as Markdown; raises Refused for another ending, or a place that is none."""
    from monitor.status import drill_page

    kinds = {".html": drill_page.html(found, names=names), ".md": drill_page.markdown(found, names=names)}
    write_text(place, kinds)


def check_place(place: Path | None, endings: Collection[str] = (".html", ".md")) -> None:
    """Refuse a place where no page can be written, before anything is begun for its sake."""
    if place is None:
        return
    if place.suffix not in endings:
        raise Refused(f"{place} should end in {' or '.join(endings)}", hint=f"write -o page{next(iter(endings))}")
    if not place.parent.is_dir():
        raise Refused(f"{place} cannot be written: there is no folder {place.parent}")
    if place.is_dir() or not os.access(place if place.exists() else place.parent, os.W_OK):
        raise Refused(f"{place} cannot be written: {'it is a folder' if place.is_dir() else 'permission denied'}")


def write_text(place: Path, kinds: Mapping[str, str]) -> None:
    """The text that goes with the file's ending; raises Refused for another ending, or a place that is none."""
    check_place(place, kinds)
    try:
        place.write_text(kinds[place.suffix], encoding="utf-8")
    except OSError as error:
        raise Refused(f"{place} cannot be written: {error.strerror}") from None
