"""What people do to incidents beside answering: open, note, update, change, merge, and write the report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from alerts import life, times
from alerts.message import Answer, IncidentView, Reaction
from alerts.signal import Severity
from alerts.tables import Incident
from monitor.engine.beside import seen
from monitor.engine.signals import title_of
from monitor.services.base import moment_of, place_named, service, when
from monitor.services.questions import incident_of
from monitor.tokens import key_in, report_token
from probes.words.errors import Refused, StoreError
from probes.words.text import clean
from probes.words.units import SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper

LONGEST = 1_000  # characters of what is reported


@service(acts=True)
async def incident_open(
    keeper: Keeper, workflow: str, text: str, source: str = "", severity: str = "", since: str = "", by: str = ""
) -> dict[str, Any]:
    """Open an incident, or join the open one, by what somebody noticed: a customer, or a person by name."""
    place, now = place_named(keeper, workflow), keeper.clock.now()
    begun = moment_of(since, keeper.catalog.site.timezone, now=now) if since else now
    if begun > now:
        raise Refused("it cannot have begun in the future")
    return await report(
        keeper, "/".join(place), text, source=source or by or "somebody", severity=severity, since=begun, by=by
    )


async def report(
    keeper: Keeper, subject: str, text: str, *, source: str, severity: str = "", since: int = 0, by: str = ""
) -> dict[str, Any]:
    """What somebody noticed of a workflow, on the same way as a probe's failure; raises Refused, StoreError."""
    said = clean(keeper.secrets.redactor().text(text), LONGEST).strip()
    if not said:
        raise Refused("say what is wrong", hint='showup incident open intake "no answer on the phone" --from customer')
    if severity and severity not in list(Severity):
        raise Refused(f"there is no severity {clean(severity, 20)}", hint=f"write one of {', '.join(Severity)}")
    workflow, _, environment = subject.partition("/")
    known, now = keeper.catalog.workflows.get(workflow), keeper.clock.now()
    if known is None or environment not in known.environments:
        raise Refused(f"there is no workflow {clean(subject, 60)}", hint="see: showup status")
    policy = known.environments[environment].policy or known.policy
    signal = life.reported(
        subject, said, noticed_by=clean(source, 60), at=now, since=since or now,
        severity=Severity(severity) if severity else Severity.ERROR, policy=policy, title=title_of(known, environment),
        owner=known.owner, runbook=known.runbook, runbook_lines=known.runbook_lines,
    )  # fmt: skip

    def act(session: Session) -> tuple[str, set[str], str]:
        received = keeper.desk.receive(session, signal, now=now)
        if by and by != signal.noticed_by:
            keeper.desk.write(session, received.incident, f"{by} wrote down what was reported", by=by, now=now)
        return received.incident, set(received.woke), _told(life.known(session, received.incident))

    name, woke, told = await keeper.store.write(act)
    keeper.dispatcher.wake(woke)
    keeper.changed.set()
    return {"incident": name, "subject": subject, "noticed_by": signal.noticed_by, "text": said, "told": told}


def _told(row: Incident) -> str:
    """Who hears of a report, said as it is: not always is somebody woken."""
    if row.state == "acknowledged":
        return f"{row.acked_by} is on it already"
    if row.held_by is not None:
        return "nobody is woken while it is muted"
    if row.merged_into is not None and not row.paging:
        return "it is left to the incident it was merged into"
    return "whoever is on call is told" if row.paging else "nobody is woken for a warning"


async def heard(keeper: Keeper, reaction: Reaction) -> Answer:
    """A report that came through a channel: politely answered, whatever it holds."""
    subject = reaction.incident if "/" in reaction.incident else f"{reaction.incident}/production"
    source = "customer" if reaction.said.get("from", "customer") == "customer" else reaction.by
    since, text = _begun(keeper, reaction.said.get("since", "")), str(reaction.said.get("text", ""))
    if not since and text.strip() and reaction.said.get("since"):
        text = f"{text} (since {clean(str(reaction.said['since']), 60)})"  # no report is lost to how a time is written
    try:
        found = await report(keeper, subject, text, source=source, since=since)
    except Refused as refused:
        return Answer(accepted=False, text=f"Not reported: {refused}.")
    except StoreError:
        return Answer(accepted=False, text="This could not be kept; say it again in a moment.")
    return Answer(accepted=True, text=f"Reported, as incident {found['incident']}: {found['told']}.")


def _begun(keeper: Keeper, said: str) -> int:
    """When it began (µs), as somebody wrote it; 0 for what is no moment, or is still to come."""
    now = keeper.clock.now()
    try:
        found = moment_of(said, keeper.catalog.site.timezone, now=now) if said.strip() else 0
    except Refused:
        return 0
    return found if 0 < found <= now else 0


async def _change(keeper: Keeper, act: Any) -> dict[str, Any]:
    view: IncidentView = await keeper.store.write(act)
    keeper.dispatcher.wake(set(keeper.channels))
    keeper.changed.set()
    return incident_of(view)


@service(acts=True)
async def incident_note(keeper: Keeper, id: str, text: str, by: str = "") -> dict[str, Any]:
    """Write a note on an incident's timeline: for us, never on the public page."""
    said, now = keeper.secrets.redactor().text(text), keeper.clock.now()
    return await _change(keeper, lambda session: keeper.desk.write(session, id, said, by=by or "somebody", now=now))


@service(acts=True)
async def incident_update(keeper: Keeper, id: str, text: str, by: str = "") -> dict[str, Any]:
    """Write an update for the status page."""
    said, now = keeper.secrets.redactor().text(text), keeper.clock.now()
    return await _change(
        keeper, lambda session: keeper.desk.write(session, id, said, by=by or "somebody", now=now, public=True)
    )


@service(acts=True)
async def incident_severity(keeper: Keeper, id: str, severity: str, reason: str = "", by: str = "") -> dict[str, Any]:
    """Say how severe an incident is: what fails now counts as that until it fails otherwise."""
    now = keeper.clock.now()
    return await _change(
        keeper,
        lambda session: keeper.desk.set_severity(session, id, severity, by=by or "somebody", reason=reason, now=now),
    )


async def rated(keeper: Keeper, reaction: Reaction) -> Answer:
    """Somebody said through a channel how severe an incident is."""
    severity = str(reaction.said.get("severity", ""))
    try:
        found = await incident_severity(keeper, reaction.incident, severity, by=reaction.by)
    except Refused as refused:
        return Answer(accepted=False, text=f"Not changed: {refused}.")
    return Answer(accepted=True, text=f"{found['title']}: {severity}, as you said.")


@service(acts=True)
async def incident_merge(keeper: Keeper, id: str, into: str = "", by: str = "") -> dict[str, Any]:
    """Leave an incident to another one, or without one let it stand for itself again."""
    now = keeper.clock.now()
    return await _change(keeper, lambda session: keeper.desk.merge(session, id, into, by=by or "somebody", now=now))


@service()
async def incident_link(keeper: Keeper, workflow: str) -> dict[str, Any]:
    """The address where a customer of a workflow reports that something is wrong."""
    subject = "/".join(place_named(keeper, workflow))
    base, token = keeper.catalog.web.base, report_token(key_in(keeper.folder), subject)
    if not base:
        raise Refused("nothing is served", hint="set web: {listen: …, url: …}")
    return {"subject": subject, "url": f"{base}/report/{token}", "outside": bool(keeper.catalog.web.url)}


@service()
async def incident_times(keeper: Keeper, months: int = 6, workflow: str = "") -> list[dict[str, Any]]:
    """How long it took to detect, page, acknowledge and recover, by month; drills are left out."""
    subject = "/".join(place_named(keeper, workflow)) if workflow else ""
    zone = ZoneInfo(keeper.catalog.site.timezone)
    since = times.months_ago(keeper.clock.now(), max(1, min(int(months), 120)), zone)
    rows = await keeper.store.read(lambda session: list(times.counted(session, since=since, subject=subject)))
    return [
        {
            "month": one.month,
            "incidents": one.incidents,
            "noticed_first": one.ours_first,
            **{
                name: {"n": n, "median": middle / SECOND, "worst": worst / SECOND}
                for name, (n, middle, worst) in one.times.items()
            },
        }
        for one in times.by_month(rows, zone)
    ]


@service()
async def incident_report(keeper: Keeper, id: str) -> dict[str, Any]:
    """The post-incident report of an incident, in Markdown."""
    from monitor.status.postmortem import postmortem

    now = keeper.clock.now()

    def read(session: Session) -> tuple[IncidentView, times.Times]:
        row = life.known(session, id)
        view = keeper.desk.find(session, row.public_id, now=now)
        if view is None:
            raise Refused(f"there is no incident {clean(id, 40)}")
        return replace(view, beside=replace(seen(session, row), exposed=view.beside.exposed)), times.times_of(row)

    view, took = await keeper.store.read(read)
    return {
        "id": view.public_id,
        "markdown": postmortem(view, took, zone=keeper.catalog.site.timezone),
        "at": when(now),
    }
