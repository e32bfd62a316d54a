"""The report of a drill as a page to hand over: what was staged, who was told how soon, what it proves and what not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from alerts.message import RECOVERED, REMOVED
from monitor.status.lengths import length
from probes.words.clock import moment
from probes.words.text import clean, for_markdown
from probes.words.units import MINUTE, SECOND
from templates import render

Found = Mapping[str, Any]
WORDS = {"passed": "Passed", "failed": "Failed", "stopped": "Called off", "running": "Goes on"}
PROOFS = {
    "read back": "read back from the service",
    "receipt": "the service's receipt",
    "accepted, unverified": "accepted, not read back",
    "not accepted": "not accepted",
    "superseded": "not needed any more",
}
CALLED_OFF = "called off by "  # and who did, in `why`
NOBODY = ("somebody", "somebody with Pushover", "showup", "PagerDuty", RECOVERED, REMOVED)  # where nobody is named
MACHINE = frozenset({"id", "incident", "kind", "subject", "outcome", "proof", "channel", "state", "zone", "receipt"})
WIDE, HIGH = 1000, 20  # of one lane of the picture


@dataclass(frozen=True, slots=True)
class Lane:
    """A stage on the way: from the stage before (`start`) to this one (`end`), in µs since the failure; None: not
    reached. `kind` gives its colour and the shape at its end."""

    kind: str
    label: str
    took: str
    time: str
    detail: str
    start: int
    end: int | None
    picture: Markup


@dataclass(frozen=True, slots=True)
class PageTo:
    """One page that left: `after` counts from when the failure was noticed."""

    to: str
    channel: str
    level: int
    after: str
    proof: str
    sure: bool
    receipt: str


@dataclass(frozen=True, slots=True)
class DrillPage:
    """Everything the report says."""

    id: str
    title: str
    promise: str
    site: str
    outcome: str
    word: str
    headline: str
    why: str
    began: str
    zone: str
    author: str
    urgent: bool
    rule: str
    lanes: Sequence[Lane]
    pages: Sequence[PageTo]
    exercised: Sequence[str]
    left_out: Sequence[str]
    sandbox: bool


def model(found: Found, *, names: bool = True) -> DrillPage:
    """The page of a drill; without `names` people are what they are: person 1, person 2."""
    found = found if names else unnamed(found)
    began, zone = int(found["began"]), str(found.get("zone") or "UTC")
    lanes = _lanes(found, began, zone)
    return DrillPage(
        id=clean(str(found["id"]), 40),
        title=clean(str(found.get("title") or found["subject"]), 100),
        promise=clean(str(found.get("promise") or ""), 200),
        site=clean(str(found.get("site") or ""), 80),
        outcome=str(found["outcome"]) if found["outcome"] in WORDS else "running",
        word=WORDS.get(str(found["outcome"]), "Goes on"),
        headline=_headline(lanes, str(found["outcome"])),
        why=clean(str(found.get("why") or "it goes on"), 200),
        began=f"{moment(began).astimezone(ZoneInfo(zone)):%-d %B %Y, %H:%M:%S %Z}",
        zone=zone,
        author=clean(str(found.get("author") or ""), 80),
        urgent=bool(found.get("urgent")),
        rule=_rule(found.get("rule") or {}),
        lanes=lanes,
        pages=[_page(one, _start(found)) for one in found.get("pages") or ()],
        exercised=[clean(line, 300) for line in found.get("exercised") or ()],
        left_out=[clean(line, 300) for line in found.get("left_out") or ()],
        sandbox=bool(found.get("sandbox")),
    )


def _headline(lanes: Sequence[Lane], outcome: str) -> str:
    """The figures in one sentence."""
    reached = {lane.kind: lane.took for lane in lanes if lane.end is not None}
    said = [f"{kind} in {reached[kind]}" for kind in ("noticed", "paged", "answered") if kind in reached]
    lacking = next((kind for kind in ("noticed", "paged", "answered") if kind not in reached), "")
    if lacking and outcome in ("failed", "stopped"):
        said.append(f"{'never' if outcome == 'failed' else 'not'} {lacking}")
    text = ", ".join(said) or "it has just begun"
    return text[:1].upper() + text[1:] + "."


def _lanes(found: Found, began: int, zone: str) -> list[Lane]:
    times: Mapping[str, Any] = found.get("times") or {}
    answer, loud = found.get("answer") or {}, "" if found.get("urgent") else ", with low urgency"
    via = f" through {answer['via']}" if answer.get("via") else ""
    first = next((page for page in found.get("pages") or () if page["accepted"] == times.get("paged")), None)
    whom = f"{_whom(first)}{loud}" if first is not None else "nobody's page was accepted"
    rows = (
        ("noticed", "Noticed", None, times.get("detected"), f"incident {found.get('incident')}", "no run noticed it"),
        ("paged", "Paged", times.get("detected"), times.get("paged"), whom, whom),
        ("answered", "Answered", times.get("paged"), times.get("acknowledged"), f"by {answer.get('by')}{via}",
         "nobody answered"),
        ("resolved", "Resolved", times.get("healed"), times.get("resolved"), "once it was healed, everybody was told",
         "not yet"),
    )  # fmt: skip
    last = max([int(at) - began for at in times.values() if at is not None and at != times.get("ended")], default=1)
    lanes = []
    for kind, label, before, at, said, lacking in rows:
        end = None if at is None else int(at) - began
        start = 0 if before is None else int(before) - began
        text = clean(said if end is not None else lacking, 120)
        took = "–" if end is None else exact(end - start)
        picture = lane(kind, start, end, whole=max(last, 1))
        lanes.append(Lane(kind, label, took, _clock(at, zone), text, start, end, picture))
    return lanes


def _whom(page: Found) -> str:
    to, channel = str(page["to"]), str(page["channel"])
    return f"{to} had it" if to.lower() == channel else f"{to} had it by {channel}"


def lane(kind: str, start: int, end: int | None, *, whole: int) -> Markup:
    """One lane of the picture: what it took, as long as it took, with a mark of its own shape at its end; dashed where
    nothing came."""
    head = Markup('<svg viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">').format(WIDE, HIGH)
    middle = HIGH // 2
    axis = Markup('<line class="axis" x1="0" y1="{y}" x2="{x}" y2="{y}"/>').format(y=middle, x=WIDE)
    if end is None:
        return head + axis + Markup("</svg>")
    left, right = (max(0.0, min(1.0, at / whole)) * (WIDE - 8) + 4 for at in (start, end))
    bar = Markup('<line class="bar {k}" x1="{a:.1f}" y1="{y}" x2="{b:.1f}" y2="{y}"/>')
    drawn = bar.format(k=kind, a=min(left, right - 6), b=right, y=middle)
    return head + axis + drawn + Markup("</svg>")


def _start(found: Found) -> int:
    """When it was noticed: pages count from then."""
    return int((found.get("times") or {}).get("detected") or found["began"])


def _page(one: Found, began: int) -> PageTo:
    accepted = one.get("accepted")
    proof = str(one.get("proof") or "")
    said = PROOFS.get(proof, proof)
    if accepted is None and one.get("error"):
        said = f"{said}: {one['error']}"
    return PageTo(
        to=clean(str(one["to"]), 80),
        channel=clean(str(one["channel"]), 30),
        level=int(one.get("level") or 1),
        after="–" if accepted is None else exact(int(accepted) - began),
        proof=clean(said, 120),
        sure=proof in ("read back", "receipt"),
        receipt=clean(str(one.get("receipt") or ""), 40),
    )


def _rule(rule: Found) -> str:
    """How a failure of this workflow is noticed, in a sentence."""
    if not rule:
        return ""
    tries, (k, n) = int(rule.get("attempts") or 1), rule.get("confirm") or (1, 1)
    period = f"runs every {length(int(rule['period']))}" if rule.get("period") else "runs by the clock"
    many = f"{tries} attempts" if tries > 1 else "one attempt"
    confirms = "the first failing run pages" if (k, n) == (1, 1) else f"{k} failing runs of {n} page"
    return clean(f"{rule.get('name')} {period}, with {many} a run; {confirms}.", 250)


def unnamed(found: Found) -> dict[str, Any]:
    """The report of a drill without anybody's name: each person is a number, and who began it an operator."""
    hidden = _hidden(found)
    # the longest first and whole words alone: Ana is no part of Ana Silva, nor of an analysis
    names = "|".join(map(re.escape, sorted(hidden, key=len, reverse=True)))
    known = re.compile(rf"(?<!\w)(?:{names})(?!\w)") if names else None

    def said(value: Any) -> Any:
        if isinstance(value, str):
            return known.sub(lambda hit: hidden[hit[0]], value) if known is not None else value
        if isinstance(value, Mapping):
            return {key: one if key in MACHINE else said(one) for key, one in value.items()}
        return [said(one) for one in value] if isinstance(value, list | tuple) else value

    pages = [{**one, "person": hidden.get(str(one["to"]), "")} for one in found.get("pages") or ()]
    author = found.get("author") if found.get("scheduled") else "an operator"
    return {**said({**found, "pages": pages}), "author": author}


def _hidden(found: Found) -> dict[str, str]:
    """Each person's name and what stands for it: who was told, answered, began it, called it off, did anything."""
    named = [str(one["to"]) for one in found.get("pages") or () if one.get("person")]
    named.append(str((found.get("answer") or {}).get("by") or ""))
    for told in (found.get("stopped"), found.get("why")):
        head, called_off, who = str(told or "").partition(CALLED_OFF)
        named.append(who if called_off and not head else "")
    named += [str(one.get("by") or "") for one in found.get("events") or ()]
    if not found.get("scheduled"):
        named.append(str(found.get("author") or ""))
    people = dict.fromkeys(name for name in named if name and name not in NOBODY)
    return {name: f"person {number}" for number, name in enumerate(people, start=1)}


def exact(micros: int) -> str:
    """A length as a report says it: 0.4 s, 38.2 s, 3 min 2 s."""
    return f"{max(0, micros) / SECOND:.1f} s" if micros < MINUTE else length(micros)


def _clock(at: Any, zone: str) -> str:
    return "" if at is None else f"{moment(int(at)).astimezone(ZoneInfo(zone)):%H:%M:%S}"


def html(found: Found, *, names: bool = True) -> str:
    """One self-contained page: no scripts, nothing loaded, readable in light, in dark and on paper."""
    return render("report/drill.html.j2", page=model(found, names=names), whole=whole)


def whole(text: str) -> str:
    """A text whose numbers stay on one line with their units."""
    return re.sub(r"(?<=\d) (?=(?:s|min|h|d)\b)", "\u00a0", text)


def markdown(found: Found, *, names: bool = True) -> str:
    """The same as Markdown."""
    page, text = model(found, names=names), for_markdown
    lines = [f"# Drill of {text(page.title, 100)}: {page.word.lower()}", "", text(page.headline, 200), ""]
    lines += [f"{text(page.why[:1].upper() + page.why[1:], 200)}. {text(page.rule, 250)}".strip(), ""]
    lines += [f"{page.began}, drill {text(page.id, 40)}, begun by {text(page.author, 80)}.", ""]
    lines += ["| | took | at | |", "| --- | ---: | --- | --- |"]
    lines += [f"| {one.label} | {one.took} | {one.time} | {text(one.detail, 120)} |" for one in page.lanes]
    if page.pages:
        lines += [
            "",
            "| page to | through | level | after it was noticed | proof |",
            "| --- | --- | ---: | ---: | --- |",
        ]
        for one in page.pages:
            cells = (text(one.to, 80), text(one.channel, 30), str(one.level), one.after, text(one.proof, 120))
            lines.append(f"| {' | '.join(cells)} |")
    for head, said in (("It went the real way", page.exercised), ("It says nothing about", page.left_out)):
        lines += ["", f"## {head}", "", *(f"- {text(line, 300)}" for line in said)]
    return "\n".join(lines) + "\n"
