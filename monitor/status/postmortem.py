"""The post-incident report: what happened, when, who noticed and who answered, in Markdown to be finished by hand."""

from __future__ import annotations

from alerts import render
from alerts.message import IncidentView
from alerts.times import Times
from probes.words.text import for_markdown
from probes.words.units import say_duration
from templates import render as fill

_SECTIONS = ("What was the cause?", "What helped, and what did not?", "What changes, who does it, and by when?")


def postmortem(view: IncidentView, took: Times, *, zone: str) -> str:
    """The report of an incident; everything foreign in it is encoded, so that no text makes a heading or a link."""
    rows = [(name, _length(getattr(took, name))) for name in ("detect", "page", "acknowledge", "recover")]
    lines = [
        (render.when(event.at, zone), for_markdown(event.text, 300), for_markdown(event.by, 80))
        for event in view.events
    ]
    return fill(
        "report/incident.md.j2",
        id=for_markdown(view.public_id, 40),
        title=for_markdown(view.title, 100),
        headline=for_markdown(view.headline or view.title, 200),
        state=for_markdown(render.state_word(view), 20),
        severity=for_markdown(view.severity, 20),
        blame=for_markdown(render.blame(view), 80),
        sentence=for_markdown(view.sentence, 300),
        noticed=for_markdown(_noticed(view), 80),
        exposed=for_markdown(render.exposed(view), 200),
        began=render.when(view.began, zone),
        ended=render.when(view.resolved_at, zone) if view.resolved_at is not None else "",
        resolved_by=for_markdown(view.resolved_by, 80),
        acked_by=for_markdown(view.acked_by, 80),
        members=[for_markdown(name, 80) for name in view.members],
        updates=[line for line, event in zip(lines, view.events, strict=True) if event.kind == "update"],
        held=[line for line, event in zip(lines, view.events, strict=True) if event.kind in ("held", "held back")],
        lines=lines,
        times=rows,
        excerpt=[for_markdown(line, 1_000) for line in view.beside.excerpt.splitlines()],
        good=for_markdown(view.beside.good, 1_000),
        sections=_SECTIONS,
        drill=view.drill,
    )


def _length(micros: int | None) -> str:
    if micros is None:
        return "not"
    return say_duration(micros // 1_000_000 * 1_000_000)


def _noticed(view: IncidentView) -> str:
    if view.noticed_by == "showup":
        later = " (a customer reported it later)" if view.reported_at is not None else ""
        return f"showup{later}"
    return "a customer" if view.noticed_by == "customer" else view.noticed_by
