"""Drills and canary pages: staged failures, measured from the very rows and receipts that a real one leaves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlmodel import Session, col, func, select

from alerts.message import Purpose
from alerts.tables import Drill, Event, Incident, Notification
from probes.words.names import encode_id
from probes.words.units import MINUTE, SECOND

PASSED, FAILED, STOPPED = "passed", "failed", "stopped"
DRILL, CANARY = "drill", "canary"
_OVER = ("delivered", "superseded", "failed")  # nothing more comes of such a message by itself


def new_id(session: Session, now: int) -> str:
    """A public id that no drill ever had: D and the instant of its beginning."""
    number = now // 1000
    while find(session, f"D{encode_id(number)}") is not None:
        number += 1
    return f"D{encode_id(number)}"


def find(session: Session, public_id: str) -> Drill | None:
    """The drill of a public id."""
    return session.exec(select(Drill).where(Drill.public_id == public_id.strip().upper()[:40])).first()


def running(session: Session, kind: str = DRILL) -> Sequence[Drill]:
    """Those that are not over, oldest first."""
    query = select(Drill).where(col(Drill.ended).is_(None), Drill.kind == kind)
    return session.exec(query.order_by(col(Drill.id))).all()


def stopped(session: Session, members: Collection[str]) -> dict[str, str]:
    """Which of these members have no failure staged behind them any more, and why each was called off, "" when it was
    not."""
    found = dict.fromkeys(members, "")
    for row in session.exec(select(Drill).where(col(Drill.member).in_(members))).all():
        if row.healed is None and row.ended is None:
            found.pop(row.member, None)
        else:
            found[row.member] = str(row.report.get("stopped") or "")
    return found


def newest(session: Session, *, kind: str = DRILL, subject: str = "", limit: int = 50) -> Sequence[Drill]:
    """The newest first."""
    query = select(Drill).where(Drill.kind == kind)
    if subject:
        query = query.where(Drill.subject == subject)
    return session.exec(query.order_by(col(Drill.began).desc()).limit(limit)).all()


def rehearsed(session: Session, kind: str = DRILL) -> dict[str, int]:
    """When each subject was last rehearsed well (µs): the end of its newest drill that passed."""
    query = select(Drill.subject, func.max(col(Drill.ended))).where(Drill.outcome == PASSED, Drill.kind == kind)
    found = session.exec(query.group_by(col(Drill.subject))).all()
    return {subject: at for subject, at in found if at is not None}


def incident_of(session: Session, drill: Drill, subject: str) -> Incident | None:
    """The incident that a drill opened: the newest of its subject since it began."""
    if drill.incident is not None:
        return session.get(Incident, drill.incident)
    query = select(Incident).where(Incident.subject == subject, col(Incident.opened) >= drill.began)
    return session.exec(query.order_by(col(Incident.id).desc())).first()


def pages_of(session: Session, incident: Incident) -> Sequence[Notification]:
    """The pages of an incident, in order."""
    query = select(Notification).where(Notification.incident == incident.id, Notification.purpose == str(Purpose.PAGE))
    return session.exec(query.order_by(col(Notification.id))).all()


def unverified(session: Session, incident: Incident) -> list[tuple[int, str, str]]:
    """(row, channel, key) of pages that a service accepted and of which nothing shows yet that anybody is told."""
    rows = pages_of(session, incident)
    return [(row.id or 0, row.channel, row.key) for row in rows if row.state == "delivered" and not row.verified]


def verified(session: Session, number: int, found: Mapping[str, Any]) -> None:
    """A page was read back from its service."""
    row = session.get(Notification, number)
    if row is not None and row.state == "delivered":
        row.verified, row.verify_at, row.receipt = True, None, {**(row.receipt or {}), **found}
        session.add(row)


def settled(session: Session, incident: Incident) -> bool:
    """True when nothing about it waits to be sent any more."""
    query = select(Notification.id).where(
        Notification.incident == incident.id, col(Notification.state).not_in(_OVER), col(Notification.tries) == 0
    )
    sending = select(Notification.id).where(Notification.incident == incident.id, Notification.state == "sending")
    return session.exec(query).first() is None and session.exec(sending).first() is None


def measured(session: Session, drill: Drill, incident: Incident | None) -> dict[str, Any]:
    """What the rows tell of a drill, times in µs: `times`, `pages`, `resolves`, `answer`, `events`."""
    times: dict[str, int | None] = {"injected": drill.injected, "healed": drill.healed, "ended": drill.ended}
    if incident is None:
        return {"times": times, "pages": [], "resolves": [], "answer": {}, "events": [], "incident": ""}
    pages = [_page(row) for row in pages_of(session, incident)]
    accepted = [page["accepted"] for page in pages if page["accepted"] is not None]
    people = [page["accepted"] for page in pages if page["accepted"] is not None and page["human"]]
    times |= {
        "detected": incident.opened,
        "told": min(accepted, default=None),
        "paged": min(people, default=None),
        "acknowledged": incident.answered_at,
        "resolved": incident.resolved_at,
    }
    events = session.exec(select(Event).where(Event.incident == incident.id).order_by(col(Event.at), col(Event.id)))
    told = [{"at": event.at, "kind": event.kind, "text": event.text, "by": event.by} for event in events]
    return {
        "incident": incident.public_id,
        "policy": incident.policy,
        "severity": incident.severity,
        "times": times,
        "pages": pages,
        "resolves": _resolves(session, incident),
        "answer": _answer(incident, told),
        "events": told,
    }


def _page(row: Notification) -> dict[str, Any]:
    """One page: who, by what, when it was meant and accepted, and what proves that it arrived."""
    receipt = row.receipt or {}
    return {
        "number": row.id,
        "channel": row.channel,
        "to": row.name or row.target,
        "person": row.person,
        "human": row.human,
        "level": row.level,
        "round": row.round,
        "meant": row.created,
        "accepted": row.delivered_at,
        "tries": row.tries,
        "proof": _proof(row),
        "receipt": str(receipt.get("id") or receipt.get("key") or "")[:60],
        "state": row.state,
        "error": row.error if row.delivered_at is None else "",
        "why": row.why,
    }


def _proof(row: Notification) -> str:
    """What is known of an accepted page: read back from the service, a receipt, or only that it was taken."""
    if row.delivered_at is None:
        return "superseded" if row.state == "superseded" else "not accepted"
    if not row.verified:
        return "accepted, unverified"
    return "read back" if (row.receipt or {}).get("status") else "receipt"


def _resolves(session: Session, incident: Incident) -> list[dict[str, Any]]:
    mine = (Notification.incident == incident.id, Notification.purpose == str(Purpose.RESOLVE))
    query = select(Notification).where(*mine)
    rows = session.exec(query.order_by(col(Notification.id))).all()
    return [
        {"channel": row.channel, "to": row.name or row.target, "meant": row.created, "accepted": row.delivered_at,
         "error": row.error if row.delivered_at is None else ""}
        for row in rows
    ]  # fmt: skip


def _answer(incident: Incident, events: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Who answered first, and through what: the timeline says both."""
    if incident.answered_at is None:
        return {}
    first = next((each for each in events if each["kind"] in ("acknowledged", "snoozed")), None)
    _, _, through = str(first["text"] if first else "").partition(" through ")
    return {"by": incident.answered_by, "via": through.rpartition(" for ")[0]}


def judged(found: Mapping[str, Any]) -> tuple[str, str]:
    """(outcome, why) of a drill that ran to its end: it passed when it was noticed, a person's page was accepted, and
    somebody answered. How long that was really waited for is told."""
    times = found["times"]
    if times.get("detected") is None:
        return FAILED, f"no run noticed it within {_long(times, 'injected')}"
    if times.get("paged") is None:
        return FAILED, "no page to a person was accepted"
    if times.get("acknowledged") is None:
        return FAILED, f"nobody answered within {_long(times, 'paged')}"
    lacking = sorted({page["channel"] for page in found["pages"] if page["proof"] == "accepted, unverified"})
    more = f"; {', '.join(lacking)} accepted it, unverified" if lacking else ""
    return PASSED, f"noticed, paged, and answered by {found['answer'].get('by') or 'somebody'}{more}"


def _long(times: Mapping[str, Any], since: str) -> str:
    """From a step to the healing, in words: a second that a look took is none."""
    span = max(0, times["healed"] - times[since])
    minutes, seconds = span // MINUTE, span % MINUTE // SECOND
    if not minutes:
        return f"{seconds} s"
    return f"{minutes} min" + (f" {seconds} s" if seconds > 1 else "")
