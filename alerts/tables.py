"""Every row of the alerting half. Times are integer µs since the epoch, UTC; incidents are kept for ever."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, MetaData, text
from sqlmodel import Field, SQLModel

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    """The base of every table of showup, the store's too: one metadata, one convention of names."""

    metadata = MetaData(naming_convention=_NAMES)


def _time(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


def _json(default: Any) -> Any:
    return Field(default_factory=lambda: default() if callable(default) else default, sa_type=JSON)


class Incident(Row, table=True):
    """Something that is wrong with one subject, from its first failure to its end; the policy is a copy taken at its
    opening.

    `level` is the number of levels started in `round`. `due_at` is when the next of its own deadlines falls (level,
    round,
    repeat, expiry of an acknowledgement), None when there is none. `version` rises with every change of state.
    """

    __table_args__ = (
        Index("ix_incident_open_subject", "subject", unique=True, sqlite_where=text("resolved_at IS NULL"),
              postgresql_where=text("resolved_at IS NULL")),
        Index("ix_incident_due", "due_at"),
        Index("ix_incident_opened", "opened"),
    )  # fmt: skip

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    subject: str
    title: str
    state: str = "triggered"
    severity: str
    policy: str
    ladder: dict[str, Any] = _json(dict)
    owner: str = ""
    sentence: str = ""
    notice: str = ""
    failure: str = ""
    blame: str = ""
    suspected: bool = True
    sure: str = ""
    run: str = ""
    runbook: str = ""
    runbook_lines: list[str] = _json(list)
    drill: bool = False
    simulated: bool = False
    began: int = _time()
    opened: int = _time()
    paged_at: int | None = _time(default=None)
    acked_at: int | None = _time(default=None)
    acked_by: str = ""
    ack_expires: int | None = _time(default=None)
    resolved_at: int | None = _time(default=None)
    resolved_by: str = ""
    round: int = 0
    level: int = 0
    round_at: int = _time(default=0)
    nobody: bool = False
    due_at: int | None = _time(default=None)
    settle_at: int | None = _time(default=None)
    silent_since: int | None = _time(default=None)
    version: int = 0


class Member(Row, table=True):
    """One failing probe (or report, or drill) of an incident; `ended` when it passed or went away."""

    __table_args__ = (Index(None, "incident", "member"),)

    id: int | None = Field(default=None, primary_key=True)
    incident: int = Field(foreign_key="incident.id")
    member: str
    severity: str
    failure: str = ""
    sentence: str = ""
    blame: str = ""
    run: str = ""
    since: int = _time()
    ended: int | None = _time(default=None)


class Step(Row, table=True):
    """A level of a round that was started, skipped or held: what rises and never falls (round, level)."""

    __tablename__ = "step"
    __table_args__ = (Index(None, "incident", "round", "level", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    incident: int = Field(foreign_key="incident.id")
    round: int
    level: int
    due: int = _time()
    started: int = _time()
    told: int = 0
    why: str = ""


class Event(Row, table=True):
    """One line of an incident's timeline."""

    __table_args__ = (Index(None, "incident", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    incident: int = Field(foreign_key="incident.id")
    at: int = _time()
    kind: str
    text: str
    by: str = ""


class Notification(Row, table=True):
    """One message for one target on one channel: the outbox. Intent is committed here before anything is sent.

    `state`: pending → sending → delivered; superseded when it was never tried and is no longer needed; replaced when
    another
    channel took over for good; failed only where nobody is woken by it. A page never ends in failure. `rest` are the
    person's
    further ways, best first. `lead` is the notification whose message told of this one too, in a storm.
    """

    __table_args__ = (
        Index("ix_notification_due", "channel", "due_at", sqlite_where=text("state IN ('pending', 'sending')"),
              postgresql_where=text("state IN ('pending', 'sending')")),
        Index(None, "incident"),
    )  # fmt: skip

    id: int | None = Field(default=None, primary_key=True)
    incident: int | None = Field(default=None, foreign_key="incident.id")
    round: int = 0
    level: int = 0
    purpose: str
    rank: int = 0
    channel: str
    target: str
    person: str = ""
    name: str = ""
    human: bool = False
    key: str
    marker: str = Field(unique=True)
    state: str = "pending"
    created: int = _time()
    due_at: int = _time()
    claimed_until: int | None = _time(default=None)
    tries: int = 0
    first_try: int | None = _time(default=None)
    unknown: bool = False
    delivered_at: int | None = _time(default=None)
    verified: bool = False
    verify_at: int | None = _time(default=None)
    receipt: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    error: str = ""
    rest: list[dict[str, Any]] = _json(list)
    moved_on: bool = False
    lead: int | None = None
    headline: str = ""
    text: str = ""


class Override(Row, table=True):
    """Somebody takes over a rotation for a time."""

    __table_args__ = (Index(None, "rotation", "end"),)

    id: int | None = Field(default=None, primary_key=True)
    rotation: str
    start: int = _time()
    end: int = _time()
    person: str
    author: str
    reason: str = ""
    created: int = _time()


class Mute(Row, table=True):
    """Pages of a subject ("" is everything) are held from `start` to `end`; it ends by itself, and what it held is
    an event."""

    __table_args__ = (Index(None, "end"),)

    id: int | None = Field(default=None, primary_key=True)
    subject: str
    start: int = _time()
    end: int = _time()
    author: str
    reason: str
    created: int = _time()
    lifted: int | None = _time(default=None)
