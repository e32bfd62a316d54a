"""What a probe waits for outside of its own requests: `ctx.until`, and where a workflow leaves its traces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from probes.arrivals import marker_of
from probes.bench import Bench, Length
from probes.calls import Call, Place, place, say_place
from probes.checks.number import amount
from probes.journal import Journal
from probes.patience import LONGEST_LOOK, Wait
from probes.records import Stop
from probes.replies import Sighting
from probes.tools import Trouble
from probes.tools.looking import Look, Seen
from probes.words.clock import moment
from probes.words.errors import ProbeBug

if TYPE_CHECKING:
    from probes.places import BucketFace, FolderFace, MailFace

T = TypeVar("T")


class Waits:
    """The part of a Context that waits."""

    _journal: Journal
    _bench: Bench
    _at: int
    run_id: str
    attempt: int
    hidden: list[str]
    saw = ""  # what the latest look saw, in words

    @property
    def marker(self) -> str:
        """A text that is in no other attempt: put it into what is submitted, and look for it afterwards."""
        return marker_of(self.run_id, self.attempt)

    @property
    def hook(self) -> str:
        """The address at which showup takes webhooks for this probe."""
        if not self._bench.hook:
            hint = "set web: {url: …}, under which showup can be reached, and run it by the daemon or showup test"
            raise ProbeBug("there is no address for webhooks here", where=say_place(place()), hint=hint)
        return self._bench.hook

    def until(
        self,
        look: Callable[[], Awaitable[T | None]],
        *,
        within: Length,
        check: Callable[[T], object] | None = None,
        every: Length | None = None,
    ) -> Call[T]:
        """Look again and again until something is seen and every check made by `check(seen)` holds:

        `await ctx.until(lambda: ctx.http.get("/jobs/7"), check=lambda r: ctx.check(r.json("$.state")).equals("done"),
        within="2m")`. Between two looks it waits longer and longer, or `every`. What is not seen `within` its time
        ends the run.
        """
        where = place()
        try:
            seconds, pause = float(amount(within)), float(amount(every)) if every is not None else None
        except ValueError as error:
            raise ProbeBug(f"until: {error}", where=say_place(where)) from None
        wait = Wait(self, look, check, within=seconds, every=pause)
        call = Call("ctx.until", where, wait.over)
        self._journal.open.append(call)
        return call

    # -- where to look

    def webhook(self) -> Call[Sighting | None]:
        """The latest webhook that arrived for this attempt, None when none did: one that bears its marker, or none of
        any attempt.
        """
        return self._call("ctx.webhook", place(), self._webhook)

    async def _webhook(self) -> Sighting | None:
        inbox = self._bench.inbox
        if inbox is None:
            raise ProbeBug("webhooks reach a probe through the daemon or showup test alone")
        look = self._record("WEBHOOK", "/hook/…")
        mine = [one for one in inbox.arrivals if one.is_for(self.marker)]
        self.saw = _counted(len(inbox.arrivals), self.marker)
        look.done(mine[-1].body if mine else self.saw)
        self._journal.step.exchanges.append(look)
        if not mine:
            return None
        return self._sighting(Seen(mine[-1].body, url="/hook/…", headers=mine[-1].headers), "the webhook")

    def rows(self, database: str, query: str, **values: Any) -> Call[list[dict[str, Any]]]:
        """The rows of one SELECT in a SQLite file (`sqlite:////path/file.db`) or PostgreSQL (`postgresql://…`), 100 at
        most. `:marker`, `:run_id` and the names of `values` are bound, never written into the query.
        """
        return self._call("ctx.rows", place(), partial(self._rows, database, query, values))

    async def _rows(self, database: str, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        from probes.tools import rows

        bench = self._bench
        if password := rows.password_of(database):
            self.hidden.append(password)
        given = {**values, "marker": self.marker, "run_id": self.run_id}
        seconds = min(LONGEST_LOOK, max(0.1, bench.deadline - monotonic()))
        try:
            rows.checked(database)
            look = self._record("ROW", rows.where(database), query)
            found = await self._made(
                look,
                rows.rows(database, query, given, resolver=bench.resolver, seconds=seconds, folder=bench.folder),
                lambda found: str(found)[:4_000] if found else "no row",
            )
        except ValueError as error:
            raise ProbeBug(f"the database cannot be asked: {error}") from None
        self.saw = f"{len(found)} rows" if len(found) != 1 else "one row"
        self.saw = self.saw if found else f"no row with {self.marker}" if ":marker" in query else "no row"
        return found

    def row(self, database: str, query: str, **values: Any) -> Call[Sighting | None]:
        """The first row that `ctx.rows` would find, to be checked: its document is the row."""
        return self._call("ctx.row", place(), partial(self._row, database, query, values))

    async def _row(self, database: str, query: str, values: dict[str, Any]) -> Sighting | None:
        found = await self._rows(database, query, values)
        if not found:
            return None
        said = "; ".join(f"{name}={value}" for name, value in found[0].items())
        return self._sighting(Seen(said, url="", document=found[0], values={"rows": len(found)}), "the row")

    def mail(
        self, server: str, *, user: str, password: str, folder: str = "INBOX", ca_file: str = "", verify: bool = True
    ) -> MailFace:
        """An inbox over IMAP with TLS: `ctx.mail("imaps://imap.example.com", user=…, password=…).find()`."""
        from probes.places import MailFace
        from probes.tools.mail import Box

        self.hidden.append(password)
        return MailFace(self, Box(server, user, password, folder, ca_file, verify))

    def bucket(
        self,
        name: str,
        *,
        key: str,
        secret: str,
        region: str = "us-east-1",
        endpoint: str = "",
        token: str = "",
        ca_file: str = "",
    ) -> BucketFace:
        """A bucket over S3: `ctx.bucket("invoices", key=…, secret=…, region="eu-central-1").find(prefix="done/")`."""
        from probes.places import BucketFace
        from probes.tools.sigv4 import Credentials

        self.hidden += [part for part in (secret, token) if part]
        where = endpoint or f"https://s3.{region}.amazonaws.com"
        return BucketFace(self, where, name, Credentials(key, secret, region, token=token), ca_file)

    def folder(self, path: str) -> FolderFace:
        """A folder of this machine, from the configuration's on: `ctx.folder("/srv/out").find("*.json")`."""
        from probes.places import FolderFace

        return FolderFace(self, path)

    def read(self, path: str) -> Call[bytes]:
        """What a file beside the configuration holds, 20 MB at most: `await ctx.read("samples/invoice.pdf")`."""
        from probes.places import read_file

        return self._call("ctx.read", place(), partial(read_file, self._bench.folder, path))

    # -- for the places

    @property
    def began(self) -> datetime:
        """When the attempt began."""
        return moment(self._at)

    def _call(self, name: str, where: Place, start: Any) -> Call[Any]:
        call = Call(name, where, start)
        self._journal.open.append(call)
        return call

    def _record(self, method: str, url: str, asked: str = "") -> Look:
        return Look(method, url, redactors=(self._bench.target.redactor,), asked=asked)

    async def _made(self, look: Look, act: Awaitable[T], said: Callable[[T], str]) -> T:
        """What a look comes to, recorded; Stop when it comes to nothing."""
        try:
            found = await act
        except Trouble as trouble:
            look.done(failure=trouble.sentence)
            raise self._stopped(trouble) from None
        except BaseException as error:
            look.done(failure="it was cut off" if isinstance(error, asyncio.CancelledError) else type(error).__name__)
            raise
        else:
            look.done(said(found))
            return found
        finally:
            self._journal.step.exchanges.append(look)

    def _sighting(self, seen: Seen, called: str) -> Sighting:
        return Sighting(seen, self._journal, called)

    def _stopped(self, trouble: Trouble) -> Stop:
        self._journal.fail(
            trouble.failure,
            trouble.sentence,
            phase=trouble.phase,
            retry_after=trouble.retry_after,
            witness=trouble.witness,
        )
        return Stop()


def _counted(count: int, marker: str) -> str:
    return f"{count} webhook{'' if count == 1 else 's'}, none with {marker}" if count else "no webhook"
