"""The real daemon, which SIGKILL ends at a write point: `python -m tests.crash.launcher CONFIG STATE`.

A write point is a place in the code that writes (a commit by the work that was in it, a send by channel and purpose)
and a side of it: `inside` a transaction, `after` its commit; `before` and `after` a send. Commits and sends are wrapped
from outside, all of them at the one place that each has to pass, so a new one is numbered by itself.

SHOWUP_CRASH_LOG is a file that gets a line for each point that is passed; SHOWUP_CRASH_AT is `SITE|SIDE|N`, where the
process ends when it passes that point for the Nth time.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

import monitor.store.writer as writers
from alerts import channel_table
from alerts.message import Channel, Message, Receipt
from monitor import assembly
from monitor.cli.daemon import run_daemon


class Points:
    """Counts the write points as they are passed, and ends the process at the one that was asked for."""

    def __init__(self, *, log: str, end_at: str) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if log else -1
        site, _, rest = end_at.rpartition("|")
        self._end_at = (site, int(rest)) if site else ("", 0)
        self._passed: Counter[str] = Counter()

    def reach(self, site: str, side: str) -> None:
        """Here is a write point."""
        point = f"{site}|{side}"
        self._passed[point] += 1
        if self._log >= 0:
            os.write(self._log, f"{point}\n".encode())
        if (point, self._passed[point]) == self._end_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Commits:
    """What is in the transaction under way: a job that changed no row is no write."""

    def __init__(self, points: Points) -> None:
        self._points = points
        self._sites: list[str] = []
        self._committed: list[str] = []
        self._known = -1  # rows that the connection had changed at its last commit
        self._serving = False

    def watch(self) -> None:
        """Wrap the store's jobs, its inserts, and every commit of any connection."""
        act, insert, transact = writers._act, writers.Writer._insert, writers.Writer._transact

        def watched_act(connection: Any, job: Any) -> Any:
            return self._changing(connection, _name(job.act), lambda: act(connection, job))

        def watched_insert(writer: Any, connection: Any, appends: Any) -> None:
            self._changing(connection, "rows appended", lambda: insert(writer, connection, appends))

        def watched_transact(writer: Any, appends: Any, writes: Any) -> Any:
            self._sites.clear()
            self._committed.clear()
            self._serving = True
            outcomes = transact(writer, appends, writes)
            for site in self._committed:
                self._points.reach(site, "after")
            return outcomes

        setattr(writers, "_act", watched_act)  # noqa: B010 - a module's function, for this process only
        setattr(writers.Writer, "_insert", watched_insert)  # noqa: B010
        setattr(writers.Writer, "_transact", watched_transact)  # noqa: B010
        event.listen(Engine, "commit", self._before_commit)

    def _changing(self, connection: Any, site: str, work: Callable[[], Any]) -> Any:
        before = _changes(connection)
        done = work()
        if _changes(connection) != before and f"commit {site}" not in self._sites:
            self._sites.append(f"commit {site}")
        return done

    def _before_commit(self, connection: Any) -> None:
        if self._known != (changes := _changes(connection)) and not self._sites:
            self._sites.append("commit of an unknown writer" if self._serving else "commit of the opening")
        self._known = changes
        self._committed = list(self._sites)
        for site in self._sites:
            self._points.reach(site, "inside")
        self._sites.clear()


def _changes(connection: Any) -> int:
    return int(connection.connection.dbapi_connection.total_changes)


def _name(act: Any) -> str:
    act = act.func if isinstance(act, partial) else act
    return f"{act.__module__.rpartition('.')[2]}.{act.__qualname__}".replace(".<locals>", "").replace(".<lambda>", "")


def watch_sends(points: Points) -> None:
    """Wrap the `send` of each channel that the daemon opens."""
    opened = channel_table.open_channel

    def open_watched(*given: Any, **options: Any) -> Channel:
        channel = opened(*given, **options)
        send = channel.send

        async def watched(message: Message) -> Receipt:
            site = f"send {message.channel} {message.purpose}"
            points.reach(site, "before")
            receipt = await send(message)
            points.reach(site, "after")
            return receipt

        setattr(channel, "send", watched)  # noqa: B010
        return channel

    setattr(assembly, "open_channel", open_watched)  # noqa: B010


def main() -> int:
    """Run the daemon until it is killed or told to stop."""
    points = Points(log=os.environ.get("SHOWUP_CRASH_LOG", ""), end_at=os.environ.get("SHOWUP_CRASH_AT", ""))
    Commits(points).watch()
    watch_sends(points)
    return run_daemon(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    raise SystemExit(main())
