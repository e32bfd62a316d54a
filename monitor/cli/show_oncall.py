"""How the terminal shows who is on call, and who is away."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from monitor.cli.paper import at, hung, paper, plain
from probes.words.errors import Refused

Found = Mapping[str, Any]
CELL = 10  # characters of a day; seven and the week's label are 76
GAP = "nobody"
LARGEST = 1_900_000  # bytes of a calendar


def oncall(found: Found) -> None:
    """Each rotation now and next, its weeks as a calendar, and its gaps."""
    out = paper()
    if not found:
        out.print("There is no rotation of this kind; policies may name people directly.")
    for number, (rotation, duty) in enumerate(found.items()):
        if number:
            out.print()
        until = f" until {_minute(duty['until'])}" if duty.get("until") else ""
        reason = f" ({plain(duty['reason'], 80)})" if duty.get("reason") else ""
        head = f"{plain(rotation, 40)}  "
        for part in (f"{plain(duty.get('name'), 60)}{until}{reason}", f"next {plain(duty.get('next'), 60)}"):
            out.print("\n".join(hung(head, part, out.width)))
            head = " " * len(head)
        for line, style in _calendar(duty.get("days") or (), str(duty.get("today", ""))):
            out.print(line, style=style)
        for one in duty.get("duties") or ():
            if one["name"] == GAP:
                out.print(
                    f"GAP  {_minute(one['start'])} to {_minute(one['end'])}: {plain(one['reason'], 60)}", style="red"
                )
    if found:
        out.print(f"Days and hours of a calendar are those of {_zone(found)}.", style="dim")


def _zone(found: Found) -> str:
    return plain(next((one.get("zone") for one in found.values()), "UTC"), 60)


def _calendar(days: Sequence[Found], today: str) -> list[tuple[str, str]]:
    """(line, style): the weeks from Monday to Sunday, in each day its person, with the hour at which it changes hands.

    A day goes to who has it in the evening, or names all that have it in turn; `>` marks a change, `!` a gap, brackets
    today.
    """
    known = {str(one["day"]): one for one in days}
    if not known:
        return []
    first, last = date.fromisoformat(min(known)), date.fromisoformat(max(known))
    first -= timedelta(days=first.weekday())
    lines = [
        ("     " + "".join(f"{name:<{CELL}}" for name in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")), "dim")
    ]
    while first <= last:
        week = [first + timedelta(days=number) for number in range(7)]
        dates = "".join(_date(day, str(day) == today, str(day) in known) for day in week)
        lines.append((f"W{first.isocalendar().week:<4}{dates}".rstrip(), "dim"))
        lines.append(("     " + "".join(_cell(known.get(str(day))) for day in week), ""))
        first += timedelta(days=7)
    return [(line.rstrip(), style) for line, style in lines]


def _date(day: date, is_today: bool, there: bool) -> str:
    said = f"{day.day} {day:%b}" if there else ""
    return f"{f'[{said}]' if is_today and there else said:<{CELL}}"


def _cell(one: Found | None) -> str:
    """`Ana`, or `>Bo 09:00` on a day that changes hands."""
    if one is None:
        return " " * CELL
    names, changes = [plain(name, 40) for name in one["names"]], list(one["handoffs"])
    first = list(dict.fromkeys(name.split(" ")[0] for name in names)) or [GAP]
    several = len(names) > 2
    name = "/".join(each[:4] for each in first) if several else (names[-1] if names else GAP).split(" ")[0]
    mark = "!" if GAP in names else ">" if changes and not several else ""
    hour = plain(changes[-1], 5)[:2] if changes and not several else ""
    room = CELL - 1 - len(mark) - (len(hour) + 1 if hour else 0)
    said = f"{mark}{name[:room]}" + (f" {hour}" if hour else "")
    return f"{said:<{CELL}}"


def _minute(text: Any) -> str:
    return at(text)[:16]


def exported(found: Found, place: Path) -> None:
    """Write the calendar, and say where it can be subscribed to."""
    text, out = str(found.get("ics", "")), paper()
    if str(place) == "-":
        sys.stdout.write(text)
        return
    try:
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{place} cannot be written: {error.strerror}") from None
    out.print(f"Wrote {plain(place)}: {text.count('BEGIN:VEVENT')} duties.")
    url = plain(found.get("url"), 400)
    out.print(
        f"To subscribe: {url}" if url else "To subscribe to it, set web: {url: …}, where people reach showup.",
        soft_wrap=True,
    )


def read_calendar(place: Path) -> str:
    """The text of an iCal file; raises Refused."""
    try:
        if place.stat().st_size > LARGEST:
            raise Refused(f"{place} is larger than {LARGEST / 1e6:.1f} MB")
        return place.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Refused(f"{place} cannot be read: {error.strerror}") from None


def _span(one: Found, first: str = "from", last: str = "until") -> str:
    return f"{_minute(one.get(first))} to {_minute(one.get(last))}"


def override(found: Found) -> None:
    """Who takes over what, for how long, and by which number it is taken back."""
    who, where = plain(found.get("name"), 60), plain(found.get("rotation"), 60)
    paper().print(f"{who} is on call in {where} from {_span(found)} (number {found.get('id')}).")


def overrides(found: Sequence[Found]) -> None:
    """Everybody who takes over now or later."""
    _listed(found, "rotation", "author", nobody="Nobody takes over anything.")


def taken_back(found: Found) -> None:
    """Who no longer takes over, and who is on call instead."""
    who, where = plain(found.get("name"), 60), plain(found.get("rotation"), 60)
    then = plain(found.get("then"), 60)
    how = "instead" if then != who else "all the same"
    paper().print(f"{who} no longer takes over {where} from {_span(found)}: {then} is on call {how}.")


def swap(found: Found) -> None:
    """Who has which turn now."""
    for one in found.get("turns") or ():
        paper().print(f"{plain(one['person'])} is on call in {plain(found.get('rotation'))} from {_span(one)}.")


def absent(found: Sequence[Found]) -> None:
    """Everybody who is away now or later."""
    _listed(found, "source", nobody="Nobody is away.")


def _listed(found: Sequence[Found], *more: str, nobody: str) -> None:
    """A line each: the number that takes it back, who, from when to when, why, and what more there is."""
    out = paper()
    if not found:
        out.print(nobody)
    for one in found:
        why = f": {plain(one['reason'], 80)}" if one.get("reason") else ""
        beside = ", ".join(f"{name} {plain(one[name], 40)}" for name in more if one.get(name))
        said = f" ({beside})" if beside else ""
        out.print(f"{one['id']:>4}  {plain(one['name'], 40)}  {_span(one)}{why}{said}")


def back(found: Found) -> None:
    """Who is there again."""
    paper().print(f"{plain(found.get('name'))} is no longer away from {_span(found)}.")


def imported(found: Found) -> None:
    """What a calendar brought."""
    said = f"{found.get('events')} absences in the calendar, {found.get('changed')} changed here"
    paper().print(f"{plain(found.get('person'))}: {said}.")


def away(found: Found) -> None:
    """Who is away, who stands in, and what falls due."""
    out = paper()
    out.print(f"{plain(found['name'])} is away from {_span(found)} (number {found['id']}).")
    for one in found.get("stand_ins") or ():
        who = f"{plain(one['rotation'])}: {plain(one['name'], 40)}"
        out.print(f"  {who} from {_span(one, 'start', 'end')}")
    if found.get("owns"):
        names = ", ".join(plain(one, 60) for one in found["owns"])
        said = f"Their workflows, and bugs in their probes, are told to whoever is on call: {names}."
        out.print("\n".join(hung("", said, out.width)))
    due = _due(found)
    out.print("Due in that time:" if due else "Nothing falls due in that time.")
    for line in due:
        out.print(f"  - {line}")


def _due(found: Found) -> list[str]:
    due = [
        f"{plain(one.get('kind'), 40)} {plain(one.get('name'), 80)} ends {_minute(one.get('ends'))}"
        for one in found.get("endings") or ()
    ]
    due += [f"event: {plain(one['title'], 80)}, {_minute(one['from'])}" for one in found.get("events") or ()]
    said = "was not rehearsed in 90 days"
    return due + [f"the runbook of {plain(title, 60)} {said}" for title in found.get("unrehearsed") or ()]
