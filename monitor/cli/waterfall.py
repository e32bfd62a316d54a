"""An attempt drawn as it went: a bar for each step, its budget, its phases, every check, and who is blamed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monitor.cli.paper import WIDTH, plain, took
from monitor.engine.verdict import judge
from probes.words.failure import FACTS, Blame, Failure

if TYPE_CHECKING:
    from probes.frames import Reply

NAME, CALL, BAR, TIME = 9, 27, 20, 14
EIGHTHS = " ▏▎▍▌▋▊▉█"
INDENT = 12
OUTPUT = 30  # lines of what a job printed
PHASES = ("dns", "connect", "tls", "first_byte", "first_token")
WORDS = {"first_byte": "first byte", "first_token": "first word"}
BLAMED = {
    Blame.WORKFLOW: "the workflow",
    Blame.PROVIDER: "the model provider",
    Blame.PARTNER: "a partner",
    Blame.NETWORK: "the network",
    Blame.US: "showup or the probe itself, not the workflow",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What is drawn. Times are µs; `limit` is 0 when it is not known; `last` is the line below, such as the runbook."""

    probe: str
    workflow: str
    environment: str
    state: str
    failure: str
    sentence: str
    took: int
    limit: int = 0
    evidence: Mapping[str, Any] = field(default_factory=dict)
    trouble: tuple[str, ...] = ()
    last: str = ""
    partner: str = ""
    blame: str = ""  # who was found to be at fault; else who mostly is


def of_reply(reply: Reply, name: str, *, limit: int = 0, last: str = "", partner: str = "") -> Shown:
    """What there is to draw of a reply; `name` is `workflow/environment/probe`."""
    workflow, environment, probe = (*name.split("/", 2), "", "")[:3]
    return Shown(
        probe,
        workflow,
        environment,
        reply.state,
        reply.failure or "",
        reply.sentence,
        reply.took,
        limit,
        reply.evidence or {},
        reply.cleanup_failed,
        last,
        partner,
        str(judge(reply, partner=partner).blame or ""),
    )


def draw(shown: Shown) -> list[str]:
    """The lines of the drawing, each within 80 columns and free of control characters."""
    steps = [step for step in shown.evidence.get("steps") or () if isinstance(step, Mapping)]
    cleanups = [step for step in shown.evidence.get("cleanups") or () if isinstance(step, Mapping)]
    end = max([shown.took, 1, *(_end(step) for step in (*steps, *cleanups))])
    lines = [_head(shown)]
    for step in steps:
        lines += _step(step, end, fallback=shown.probe)
    for each in cleanups:
        lines += _clean_up(each, end)
    for note in shown.evidence.get("notes") or ():
        lines += _wrapped(f"note: {note}", "  ")
    lines += _output(shown.evidence.get("output"))
    stack = plain(shown.evidence.get("stack"), 1_500)
    lines += _wrapped(f"stack: {stack}", "  ") if stack else []
    return [*lines, *_verdict(shown, lines)]


def _output(said: Any) -> list[str]:
    """What a job printed last, its newest lines."""
    lines = str(said or "").splitlines()[-OUTPUT:]
    return [f"  | {_cut(line, WIDTH - 4)}".rstrip() for line in lines]


def _head(shown: Shown) -> str:
    word = plain(shown.failure or _passed(shown.state), 20)
    spent = f"{took(shown.took)} of {took(shown.limit)}" if shown.limit else took(shown.took)
    right = f"{word}  {spent}"
    left = plain(" · ".join(part for part in (shown.probe, shown.workflow, shown.environment) if part))
    return f"{_cut(left, WIDTH - len(right) - 2)}  {right}"


def _passed(state: str) -> str:
    return "passed" if state == "up" else state


def _step(step: Mapping[str, Any], end: int, *, fallback: str) -> list[str]:
    if not step.get("reached", True):
        return [f"  {_cut(step.get('name'), NAME)} not reached"]
    requests = [one for one in step.get("requests") or () if isinstance(one, Mapping)]
    budget = step.get("budget")
    late = budget is not None and _end(step, 0) > budget
    word = "late" if late else "ok" if step.get("ok") else "✗"
    name, called = str(step.get("name", "")), _called(requests)
    name = fallback if name.casefold() == called.casefold() else name
    lines = [_row(name, called, step, end=end, word=word)]
    lines += _requests(requests)
    lines += _checks([check for check in step.get("checks") or () if isinstance(check, Mapping)])
    if not step.get("ok") and requests and requests[-1].get("response"):
        last, got = requests[-1], plain(requests[-1]["response"], 200)
        lines += _wrapped(f"last seen: {got}" if _is_look(last) else f"answered {_came_back(last)}: {got}")
    return lines


def _clean_up(each: Mapping[str, Any], end: int) -> list[str]:
    requests = [one for one in each.get("requests") or () if isinstance(one, Mapping)]
    if each.get("skipped"):
        return _wrapped(f"clean up  skipped: {plain(each['skipped'])}", "  ")
    called = _called(requests) or plain(each.get("name"))
    word = "ok" if each.get("ok") else "✗"
    lines = [_row("clean up", called, each, end=end, word=word)]
    return [*lines, *(_wrapped(f"✗ {each['trouble']}") if each.get("trouble") else [])]


def _row(name: str, called: str, step: Mapping[str, Any], *, end: int, word: str) -> str:
    budget = step.get("budget")
    length = int(step.get("took") or 0)
    time = took(length) + (f" / {took(budget)}" if budget else "")
    bar = draw_bar(int(step.get("at") or 0), length, end)
    return f"  {_cut(name, NAME)} {_cut(called, CALL)} {bar} {_cut(time, TIME)} {word}"[:WIDTH].rstrip()


def draw_bar(start: int, length: int, end: int, *, width: int = BAR) -> str:
    """A bar from `start` on, `length` long, on a scale that ends at `end`; never nothing, always `width` wide."""
    first = min(max(start, 0) * width // end, width - 1)
    eighths = max(1, round(min(max(length, 0), end) * width * 8 / end))
    eighths = min(eighths, (width - first) * 8)
    whole, rest = divmod(eighths, 8)
    drawn = " " * first + EIGHTHS[8] * whole + (EIGHTHS[rest] if rest else "")
    return drawn.ljust(width)


def _called(requests: Sequence[Mapping[str, Any]]) -> str:
    if not requests:
        return ""
    more = f" +{len(requests) - 1}" if len(requests) > 1 else ""
    parts = urlsplit(plain(requests[0].get("url"), 1_000))
    return f"{plain(requests[0].get('method'), 10)} {(parts.path or '/')}{more}"


def _is_look(one: Mapping[str, Any]) -> bool:
    """True for a look into an inbox, a database, a bucket or a folder, which has no status."""
    return one.get("look") is True


def _came_back(one: Mapping[str, Any]) -> str:
    if _is_look(one):
        return plain(one.get("response"), 60) or "nothing"
    return plain(one.get("status") or "no answer", 10)


def _requests(requests: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for one in requests[:5]:
        said = _phases(one.get("phases") or {})
        if len(requests) > 1:
            said = f"{_called([one])} {_came_back(one)}  {said}"
        lines += _wrapped(said) if said.strip() else []
        lines += _wrapped(f"✗ {one['failure']}") if one.get("failure") else []
    if len(requests) > 5:
        lines += _wrapped(f"and {len(requests) - 5} more requests")
    return lines


def _phases(phases: Mapping[str, Any]) -> str:
    said = []
    for name in PHASES:
        micros = phases.get(name)
        if isinstance(micros, int | float) and micros >= 0:
            length = took(micros) if micros >= 1_000_000 else f"{micros / 1000:.0f}" if micros >= 500 else "<1"
            said.append(f"{WORDS.get(name, name)} {length}")
    return " · ".join(said)


def _checks(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    held = [f"✓ {_says(check)}" for check in checks if check.get("ok")]
    lines = _joined(held)
    for check in checks:
        if not check.get("ok"):
            lines += _wrapped(f"✗ {_says(check)}" + (" (soft: it only degrades)" if check.get("soft") else ""))
    return lines


def _says(check: Mapping[str, Any]) -> str:
    said = check.get("says") or f"{check.get('name')}: expected {check.get('expected')}, got {check.get('actual')}"
    return plain(said, 400)


def _joined(parts: Iterable[str]) -> list[str]:
    """Short sentences beside each other, as many as fit on a line."""
    lines: list[str] = []
    for part in parts:
        if lines and _cells(f"{lines[-1]}   {part}") <= WIDTH:
            lines[-1] += f"   {part}"
        else:
            lines += _wrapped(part)
    return lines


def _verdict(shown: Shown, drawn: Sequence[str]) -> list[str]:
    lines = []
    sentence = plain(shown.sentence)
    try:
        failure = Failure(shown.failure)
    except ValueError:
        held = f"passed: {sentence or 'every check held'}."
        word = held if shown.state == "up" else f"{plain(shown.state)}: {sentence or 'no word'}."
        lines += _wrapped(word, "", "")
    else:
        facts = FACTS[failure]
        if sentence and sentence != facts.sentence and not any(sentence[:40] in line for line in drawn):
            lines += _wrapped(sentence, "", "")
        lines += _wrapped(f"{failure}: {facts.sentence}. Blame: {_blamed(shown, facts.blame)}.", "", "")
    for trouble in shown.trouble:
        lines += _wrapped(f"left behind: {trouble}", "", "")
    return [*lines, *(_wrapped(shown.last, "", "") if shown.last else [])]


def _blamed(shown: Shown, usual: Blame) -> str:
    """Who is at fault, a partner by name."""
    found = Blame(shown.blame) if shown.blame in set(Blame) else usual
    return f"the partner {plain(shown.partner, 60)}" if found is Blame.PARTNER and shown.partner else BLAMED[found]


def _end(step: Mapping[str, Any], start: int | None = None) -> int:
    return int(step.get("at") or 0 if start is None else start) + int(step.get("took") or 0)


def _wrapped(text: str, indent: str = " " * INDENT, more: str | None = None) -> list[str]:
    """The text within 80 columns, broken between words, at most six lines."""
    from rich.cells import chop_cells

    more = indent + "  " if more is None else more
    lines, line = list[str](), indent
    for word in plain(text, 800).split(" "):
        for number, piece in enumerate(chop_cells(word, WIDTH - len(more)) or [""]):
            gap = "" if number or line in (indent, more) else " "
            if _cells(line + gap + piece) > WIDTH:
                lines.append(line)
                line, gap = more, ""
            line += gap + piece
    lines.append(line)
    return lines if len(lines) <= 6 else [*lines[:5], f"{more}…"]


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _cut(value: Any, width: int) -> str:
    """Exactly `width` columns, cut with … or filled up; wide letters count for two."""
    from rich.cells import cell_len, set_cell_size

    text = plain(value)
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
