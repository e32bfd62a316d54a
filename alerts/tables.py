"""Every row of the alerting half. Times are integer µs since the epoch, UTC; incidents are kept for ever."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, MetaData, text, true
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


_VERSION: Column[int] = Column("version", Integer, nullable=False)


class Incident(Row, table=True):
    """Something that is wrong with one subject, from its first failure to its end.

    `ladder` is a copy of the policy. `paging`: rounds run; `climbs` counts them since it began to page or was last
    acknowledged, `round` all of them, `level` the levels started in this one, whose times count from `round_at`:
    the round's beginning, later when a mute held it, or earlier when it was hurried. `acked_at` and the like tell of
    the acknowledgement that holds, `answered_at` of the first one there was. `due_at` is when the next move falls, None
    when there is none. `settle_at`: it flaps and is held open until then. `held_by`: the mute that holds its levels;
    `held_back`: it ended without anybody having been told. `noticed_by` says who noticed first: showup, a customer, a
    person; `last_good` is the newest run that passed before it began, `last_good_run` that run. `urgent` False pages
    with low urgency: a drill, a canary page. `merged_into` is the incident that speaks for it since somebody said so.
    `version` rises with every change.
    """

    __table_args__ = (
        Index("ix_incident_open_subject", "subject", unique=True, sqlite_where=text("resolved_at IS NULL"),
              postgresql_where=text("resolved_at IS NULL")),
        Index("ix_incident_due", "due_at"),
        Index("ix_incident_opened", "opened"),
    )  # fmt: skip
    __mapper_args__: ClassVar[dict[str, Any]] = {"version_id_col": _VERSION}

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
    urgent: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    noticed_by: str = Field(default="showup", sa_column_kwargs={"server_default": "showup"})
    reported_at: int | None = _time(default=None)
    last_good: int | None = _time(default=None)
    last_good_run: str = Field(default="", sa_column_kwargs={"server_default": ""})
    merged_into: int | None = None
    began: int = _time()
    opened: int = _time()
    paging: bool = False
    round: int = 0
    climbs: int = 0
    level: int = 0
    round_at: int = _time(default=0)
    nobody: bool = False
    paged_at: int | None = _time(default=None)
    acked_at: int | None = _time(default=None)
    acked_by: str = ""
    acked_via: str = Field(default="", sa_column_kwargs={"server_default": ""})
    acked_severity: str = ""
    acked_members: list[str] = _json(list)
    ack_expires: int | None = _time(default=None)
    ack_grace: bool = False
    answered_at: int | None = _time(default=None)
    answered_by: str = ""
    resolved_at: int | None = _time(default=None)
    resolved_by: str = ""
    due_at: int | None = _time(default=None)
    settle_at: int | None = _time(default=None)
    held_by: int | None = None
    held_back: bool = False
    silent_since: int | None = _time(default=None)
    version: int = Field(default=0, sa_column=_VERSION)


class Member(Row, table=True):
    """A time during which one probe (or report, or drill) failed in an incident; `ended` when it passed or went away.

    `folded_into` is the incident of its provider, which speaks for it; `unfold_at` is when it pages by itself, that
    incident being over. `warned`: a warning about it was posted. `told_as` is how severe its probe says it is, where a
    person said otherwise.
    """

    __table_args__ = (
        Index(None, "incident", "member"),
        Index("ix_member_folded", "folded_into", sqlite_where=text("folded_into IS NOT NULL"),
              postgresql_where=text("folded_into IS NOT NULL")),
    )  # fmt: skip

    id: int | None = Field(default=None, primary_key=True)
    incident: int = Field(foreign_key="incident.id")
    member: str
    severity: str
    policy: str = ""
    failure: str = ""
    sentence: str = ""
    notice: str = ""
    blame: str = ""
    suspected: bool = True
    sure: str = ""
    run: str = ""
    since: int = _time()
    joined: int = _time()
    ended: int | None = _time(default=None)
    warned: bool = False
    folded_into: int | None = Field(default=None, foreign_key="incident.id")
    period: int = _time(default=0)
    unfold_at: int | None = _time(default=None)
    told_as: str = Field(default="", sa_column_kwargs={"server_default": ""})


class Step(Row, table=True):
    """A level of a round that was started: (round, level) only rises. `told` counts the people it reaches."""

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

    `state`: pending → sending → delivered; superseded when it is no longer needed, `why` saying so; failed only where
    nobody is woken by it: a page never ends in failure. `lane` is the word of the policy that it serves; `rest` are the
    further ways on that lane, best first, of which the next is taken at `spread_at` or when this one fails;
    `exhausted`: it failed and was the last. `unknown`: an earlier try may have arrived. `burst` is the end of the ten
    seconds whose pages on a route leave together.
    """

    __table_args__ = (
        Index("ix_notification_due", "channel", "due_at", sqlite_where=text("state IN ('pending', 'sending')"),
              postgresql_where=text("state IN ('pending', 'sending')")),
        Index("ix_notification_spread", "spread_at", sqlite_where=text("spread_at IS NOT NULL"),
              postgresql_where=text("spread_at IS NOT NULL")),
        Index("ix_notification_verify", "verify_at", sqlite_where=text("verify_at IS NOT NULL"),
              postgresql_where=text("verify_at IS NOT NULL")),
        Index(None, "incident"),
        Index(None, "key"),
        Index(None, "channel", "target", "created"),
    )  # fmt: skip

    id: int | None = Field(default=None, primary_key=True)
    incident: int | None = Field(default=None, foreign_key="incident.id")
    round: int = 0
    level: int = 0
    lane: str = ""
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
    why: str = ""
    created: int = _time()
    due_at: int = _time()
    burst: int | None = _time(default=None)
    claimed_until: int | None = _time(default=None)
    tries: int = 0
    unknown: bool = False
    delivered_at: int | None = _time(default=None)
    verified: bool = False
    verify_at: int | None = _time(default=None)
    receipt: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    error: str = ""
    rest: list[dict[str, Any]] = _json(list)
    spread_at: int | None = _time(default=None)
    exhausted: bool = False
    headline: str = ""
    text: str = ""


class Override(Row, table=True):
    """Somebody takes over a rotation for a time, until it was `lifted`."""

    __table_args__ = (Index(None, "rotation", "end"),)

    id: int | None = Field(default=None, primary_key=True)
    rotation: str
    start: int = _time()
    end: int = _time()
    person: str
    author: str
    reason: str = ""
    created: int = _time()
    lifted: int | None = _time(default=None)


class Absence(Row, table=True):
    """Somebody is away from `start` to before `end`, or until it was `lifted`: no rotation names them then.

    `source` is "" for what a person said, else the calendar that it was read from, and `uid` its event there.
    """

    __table_args__ = (Index(None, "person", "end"),)

    id: int | None = Field(default=None, primary_key=True)
    person: str
    start: int = _time()
    end: int = _time()
    author: str
    reason: str = ""
    source: str = ""
    uid: str = ""
    created: int = _time()
    lifted: int | None = _time(default=None)


class Occasion(Row, table=True):
    """An event window: from `start` to before `end`, or until it was `lifted`, its workflows are probed harder, page
    on the first confirmed failure, and take no maintenance.

    `workflows` are keys, or `workflow/environment`; `tell` is the person who presents; `plan_b` is what to do when it
    breaks. `go` is the newest preflight's answer, `checked` when that was.
    """

    __table_args__ = (Index(None, "end"),)

    id: int | None = Field(default=None, primary_key=True)
    title: str = ""
    start: int = _time()
    end: int = _time()
    workflows: list[str] = _json(list)
    tell: str = ""
    plan_b: str = ""
    author: str
    created: int = _time()
    lifted: int | None = _time(default=None)
    go: bool | None = None
    checked: int | None = _time(default=None)
    report: dict[str, Any] | None = Field(default=None, sa_type=JSON)


class Drill(Row, table=True):
    """A staged failure on its real way. `incident` is the one it opened; times are µs, None = not yet.

    `kind` is what was staged: a failing member, or the daily canary page. `outcome` is "" while it goes on, then
    passed, failed or stopped; `report` holds what was measured, for the page that is handed over.
    """

    __table_args__ = (Index(None, "subject", "began"), Index(None, "ended"))

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    kind: str = "drill"
    subject: str
    member: str
    incident: int | None = Field(default=None, foreign_key="incident.id")
    urgent: bool = False
    author: str
    scheduled: bool = False
    runbook: str = ""
    began: int = _time()
    injected: int | None = _time(default=None)
    healed: int | None = _time(default=None)
    ended: int | None = _time(default=None)
    outcome: str = ""
    report: dict[str, Any] = _json(dict)


class Once(Row, table=True):
    """An act that is done once, whoever is asked for it and however often: a handoff notice, a webhook's event."""

    __table_args__ = (Index(None, "at"),)

    key: str = Field(primary_key=True)
    at: int = _time()


class Mute(Row, table=True):
    """Pages of a subject ("" is every workflow) are held from `start` to `end`, or until it was `lifted`.

    It ends by itself; `closed` is when its end was seen to, `held` how many incidents it held back.
    """

    __table_args__ = (Index(None, "end"),)

    id: int | None = Field(default=None, primary_key=True)
    subject: str
    start: int = _time()
    end: int = _time()
    author: str
    reason: str
    created: int = _time()
    lifted: int | None = _time(default=None)
    lifted_by: str = ""
    closed: int | None = _time(default=None)
    held: int = 0
