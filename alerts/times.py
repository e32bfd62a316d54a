"""How long it took to detect, page, answer and recover: for one incident, and by month. Pure but for its one query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from statistics import median

from sqlmodel import Session, col, select

from alerts.tables import Incident
from probes.words.clock import moment
from probes.words.units import SECOND

NAMES = ("detect", "page", "acknowledge", "recover")


@dataclass(frozen=True, slots=True)
class Times:
    """µs: to detect (from the first failure to the opening), to page and to acknowledge (from the opening on), to
    recover (from the first failure to the end); None: not, or not yet."""

    detect: int
    page: int | None
    acknowledge: int | None
    recover: int | None


@dataclass(frozen=True, slots=True)
class Month:
    """The incidents that opened in a month (`2026-11`): how many, how many showup noticed first, and of each time how
    many there are, their median and the worst (µs)."""

    month: str
    incidents: int
    ours_first: int
    times: dict[str, tuple[int, int, int]]


def times_of(row: Incident) -> Times:
    """The times of one incident."""
    return took(row.began, row.opened, row.paged_at, row.answered_at, row.resolved_at)


def took(began: int, opened: int, paged: int | None, answered: int | None, ended: int | None) -> Times:
    """The times between these moments (µs)."""
    return Times(
        detect=max(0, opened - began),
        page=paged - opened if paged is not None else None,
        acknowledge=answered - opened if answered is not None else None,
        recover=ended - began if ended is not None else None,
    )


def months_ago(now: int, months: int, zone: tzinfo) -> int:
    """When the first of the last `months` months began, this one included (µs): no month is counted in part."""
    there = moment(now).astimezone(zone)
    years, month = divmod(there.year * 12 + there.month - months, 12)
    first = there.replace(year=years, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(first.timestamp()) * SECOND


def counted(session: Session, *, since: int, subject: str = "") -> Sequence[Incident]:
    """The incidents that opened since then (µs) and count: no drills, nothing simulated, nothing that woke nobody."""
    query = select(Incident).where(
        col(Incident.opened) >= since,
        col(Incident.drill).is_(False),
        col(Incident.simulated).is_(False),
        col(Incident.round) > 0,
    )
    if subject:
        query = query.where(Incident.subject == subject)
    return session.exec(query.order_by(col(Incident.opened))).all()


def by_month(rows: Iterable[Incident], zone: tzinfo) -> list[Month]:
    """The months in which incidents opened, newest first."""
    months: dict[str, list[Incident]] = defaultdict(list)
    for row in rows:
        months[f"{moment(row.opened).astimezone(zone):%Y-%m}"].append(row)
    return [_month(name, months[name]) for name in sorted(months, reverse=True)]


def _month(name: str, rows: Sequence[Incident]) -> Month:
    found: dict[str, tuple[int, int, int]] = {}
    for each in NAMES:
        lengths = [length for row in rows if (length := getattr(times_of(row), each)) is not None]
        if lengths:
            found[each] = (len(lengths), int(median(lengths)), max(lengths))
    return Month(name, len(rows), sum(row.noticed_by == "showup" for row in rows), found)
