"""Every table of the record. Times are integer µs since the epoch, UTC; states and failures are codes
(`monitor.store.codes`).

What is appended on the hot path goes through `monitor.store.rows`; the classes here are for reading, and for rows that
are rare.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, LargeBinary, SmallInteger, text
from sqlmodel import Field

from alerts.tables import Row

# A hold of 20 minutes (see `codes.hold_code`) belongs to a probe that runs every 15 minutes or less often.
RARE = "hold >= 1200000 OR hold <= -1200000000"
LEDGERS = 1 << 20  # ledger numbers end below this: a public run id has 20 bits for one


def _key(kind: Any = BigInteger) -> Any:
    """A part of a primary key whose value we choose ourselves."""
    return Field(primary_key=True, sa_type=kind, sa_column_kwargs={"autoincrement": False})


def _time(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


def _code(**options: Any) -> Any:
    return Field(sa_type=SmallInteger, **options)


class Ledger(Row, table=True):
    """What has a history of its own: one probe of one workflow in one environment at one location. `since`: its
    first scheduled run."""

    __table_args__ = (Index(None, "workflow", "environment", "probe", "location", unique=True),)

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    workflow: str
    environment: str
    probe: str
    location: str
    created: int = _time()
    since: int | None = _time(default=None)


class Run(Row, table=True):
    """A run with its first attempt, keyed so that rows are appended where the table ends; see `rows.RunRow`.

    `code` is `codes.run_code`, `hold` is `codes.hold_code`, `phases` are `codes.pack_phases`.
    """

    __table_args__ = (
        # The runs of a rare probe lie far apart among those of frequent ones, so they have an index of their own.
        Index("ix_run_rare", "ledger", "started", sqlite_where=text(RARE), postgresql_where=text(RARE)),
        {"sqlite_with_rowid": False},
    )

    started: int = _key()
    ledger: int = _key(Integer)
    lateness: int = _time()
    took: int = _time()
    code: int = Field()
    hold: int = _time()
    phases: bytes | None = Field(default=None, sa_type=LargeBinary)


class Attempt(Row, table=True):
    """A further attempt of a run, from the second on; see `rows.AttemptRow`."""

    __table_args__ = ({"sqlite_with_rowid": False},)

    run: int = _key()
    ledger: int = _key(Integer)
    n: int = _key(SmallInteger)
    started: int = _time()
    took: int = _time()
    state: int = _code()
    failure: int | None = _code(default=None)
    hold: int = _time()
    phases: bytes | None = Field(default=None, sa_type=LargeBinary)
    late: int = _code(default=0)


class Evidence(Row, table=True):
    """The record of one attempt: `body` is JSON under zlib. A ledger keeps only its newest good one, for ever."""

    __table_args__ = (Index(None, "ledger", "kind", "started"),)

    started: int = _key()
    ledger: int = _key(Integer)
    n: int = _key(SmallInteger)
    kind: int = _code()
    body: bytes = Field(sa_type=LargeBinary)


class Span(Row, table=True):
    """A closed interval of one state. Keyed by its end, so that what reaches into a window is found without reading
    what came before."""

    __table_args__ = ({"sqlite_with_rowid": False},)

    ledger: int = _key(Integer)
    end: int = _key()
    start: int = _time()
    state: int = _code()


class Tally(Row, table=True):
    """A ledger's runs of one UTC day, counted once the day's slots are over: `day` counts from 1970-01-01.

    `first`: first attempt passed; `passed`, `failed`: how the run ended (the rest is unknown); `last`: start of the
    day's last run.
    """

    __table_args__ = ({"sqlite_with_rowid": False},)

    ledger: int = _key(Integer)
    day: int = _key(Integer)
    runs: int = Field()
    first: int = Field()
    passed: int = Field()
    failed: int = Field()
    last: int = _time()


class Alive(Row, table=True):
    """An interval in which the keeper was running, extended every 10 s; between two of them nothing is known."""

    start: int = _key()
    end: int = _time(index=True)


class Membership(Row, table=True):
    """From when until when a ledger counted for its workflow, and how: `affects` is "down" (critical) or "degraded"."""

    ledger: int = _key(Integer)
    since: int = _key()
    until: int | None = _time(default=None)
    affects: str


class Window(Row, table=True):
    """A maintenance window. `subject`: "" is everything, else `workflow/environment` or `workflow/environment/probe`.

    `source` names what it was materialised from (a recurring window of the config), so that the same one is made once.
    """

    __tablename__ = "maintenance"  # WINDOW is a word of SQL
    __table_args__ = (Index(None, "source", "start", unique=True), Index(None, "end"))

    id: int | None = Field(default=None, primary_key=True)
    subject: str
    start: int = _time()
    end: int = _time()
    author: str
    reason: str
    created: int = _time()
    source: str | None = None


class Correction(Row, table=True):
    """A state that was put right afterwards, by whom and why; shown wherever it counts, the spans under it stay."""

    __table_args__ = (Index(None, "ledger", "end"),)

    id: int | None = Field(default=None, primary_key=True)
    ledger: int
    start: int = _time()
    end: int = _time()
    state: int = _code()
    author: str
    reason: str
    created: int = _time()


class Generation(Row, table=True):
    """A configuration that came into force: `fingerprint` of its files, at what instant."""

    at: int = _key()
    fingerprint: str


class Note(Row, table=True):
    """One remembered value under a name, such as when the pages were last published."""

    key: str = Field(primary_key=True)
    value: Any = Field(default=None, sa_type=JSON)
    at: int = _time()


class SpendRow(Row, table=True):
    """What was spent in one UTC day (`day` counts from 1970-01-01): `unit` is requests, tokens or usd.

    `provider` is a provider's name, or the id of a probe that has an account of its own.
    """

    __tablename__ = "spend"

    provider: str = Field(primary_key=True)
    day: int = _key(Integer)
    unit: str = Field(primary_key=True)
    amount: float


class Score(Row, table=True):
    """How one case of a golden set came out in one run. `verdict` is 1 right, 0 wrong, 2 unscored.

    `detail` is JSON: what was expected and what came, and of compared fields which were right.
    """

    __table_args__ = (Index(None, "ledger", "started"), {"sqlite_with_rowid": False})

    started: int = _key()
    ledger: int = _key(Integer)
    case: str = Field(primary_key=True)
    verdict: int = _code()
    detail: str | None = Field(default=None)


class Flag(Row, table=True):
    """Somebody's word that an answer of a workflow was wrong.

    `state` is open, accepted (a golden case now) or rejected; `source` is app, slack or person; `key` makes the
    same word count once; texts are as they came, cleaned.
    """

    __table_args__ = (Index(None, "subject", "at"), Index(None, "subject", "key", unique=True))

    id: int | None = Field(default=None, primary_key=True)
    subject: str  # workflow/environment
    at: int = _time()
    source: str
    author: str = ""
    key: str
    asked: str = ""
    answered: str = ""
    expected: str = ""
    comment: str = ""
    state: str = "open"
    reviewed_by: str = ""
    reviewed_at: int | None = _time(default=None)


class Ping(Row, table=True):
    """A word from a job that reports by itself: `kind` is 0 start, 1 success, 2 failure, 3 log.

    `status` is its exit status; `rid` names the run of the job it belongs to; `body` is what it sent, under zlib.
    """

    __table_args__ = (Index(None, "ledger", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    ledger: int
    at: int = _time()
    kind: int = _code()
    status: int | None = _code(default=None)
    rid: str = ""
    body: bytes | None = Field(default=None, sa_type=LargeBinary)


class Changed(Row, table=True):
    """Something a probe sees of its target that is another from then on, such as the model that answers.

    `at` is the start of the run that saw it first; the first value of all has nothing `before` it.
    """

    __table_args__ = (Index(None, "ledger", "at", "name", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    ledger: int
    at: int = _time()
    name: str  # model, fingerprint, version, contract …
    before: str
    after: str
