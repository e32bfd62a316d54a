"""The places where a workflow leaves its traces, as a probe has them: an inbox, a bucket, a folder."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from probes.bench import Bench
from probes.calls import Call, Place, place, say_place
from probes.records import Stop
from probes.replies import Sighting
from probes.tools import Trouble, buckets, mail
from probes.tools.looking import Look, Seen
from probes.tools.sigv4 import Credentials
from probes.words.clock import SystemClock, moment
from probes.words.errors import ProbeBug, Refused
from probes.words.failure import Failure

T = TypeVar("T")
READ = 1_000_000  # bytes of a file that is looked into
LARGEST = 20_000_000  # bytes of a file that is submitted
ENTRIES = 10_000  # of a folder that are looked at
INSIDE = 10  # objects and files whose content is looked into in one look


class Desk(Protocol):
    """The Context that a place belongs to."""

    saw: str
    _bench: Bench

    @property
    def marker(self) -> str: ...
    @property
    def began(self) -> datetime: ...
    def _call(self, name: str, where: Place, start: Any) -> Call[Any]: ...
    def _record(self, method: str, url: str, asked: str = "") -> Look: ...
    async def _made(self, look: Look, act: Awaitable[T], said: Callable[[T], str]) -> T: ...
    def _sighting(self, seen: Seen, called: str) -> Sighting: ...
    def _stopped(self, trouble: Trouble) -> Stop: ...


class MailFace:
    """An inbox. Nothing in it is marked as read."""

    def __init__(self, desk: Desk, box: mail.Box) -> None:
        try:
            _ = box.place
        except ValueError as error:
            raise ProbeBug(f"{box.server!r} is no inbox", where=say_place(place(3)), hint=str(error)) from None
        self._desk, self._box = desk, box
        self._known: set[int] = set()

    def find(self, text: str = "") -> Call[Sighting | None]:
        """The newest message of this day and the one before that holds the attempt's marker, or `text`."""
        return self._desk._call("find", place(), partial(self._find, text))

    async def _find(self, text: str) -> Sighting | None:
        desk, box = self._desk, self._box
        wanted = text or desk.marker
        found = mail.find(box, desk._bench.resolver, wanted, since=desk.began, known=self._known)
        seen, said = await desk._made(desk._record("MAIL", box.url, wanted), found, lambda pair: pair[1])
        desk.saw = said
        return desk._sighting(seen, "the mail") if seen is not None else None

    def delete(self, message: Sighting) -> Call[None]:
        """Delete a message that `find` came upon."""
        return self._desk._call("delete", place(), partial(self._delete, message))

    async def _delete(self, message: Sighting) -> None:
        number = int(message.value("uid"))
        act = mail.remove(self._box, self._desk._bench.resolver, number)
        await self._desk._made(self._desk._record("EXPUNGE", self._box.url, str(number)), act, lambda _: "deleted")


class BucketFace:
    """A bucket."""

    def __init__(self, desk: Desk, endpoint: str, name: str, who: Credentials, ca_file: str) -> None:
        self._desk, self.name = desk, name
        self.headers: dict[str, str] = {}
        self._known: set[tuple[str, str]] = set()
        try:
            http = desk._bench.http_to(endpoint, ca_file=ca_file)
        except Refused as refused:
            raise ProbeBug(f"the endpoint {endpoint!r}: {refused}", where=say_place(place(3))) from None
        clock = SystemClock()
        self._bucket = buckets.Bucket(http, name, who, lambda: moment(clock.now()), self.headers)

    def find(self, name: str = "", *, prefix: str = "") -> Call[Sighting | None]:
        """The newest object whose key, after its prefix, fits the pattern (`*MARKER*` unless given); where its key does
        not hold the marker, its content has to.
        """
        return self._desk._call("find", place(), partial(self._find, name, prefix))

    async def _find(self, name: str, prefix: str) -> Sighting | None:
        desk, pattern = self._desk, name or f"*{self._desk.marker}*"
        listed, more = await self._act(self._bucket.listed(prefix))
        fitting = [one for one in listed if fnmatchcase(one.key.removeprefix(prefix), pattern)]
        fitting.sort(key=lambda one: one.at, reverse=True)
        for one in [one for one in fitting if desk.marker in one.key][:1]:
            if (seen := await self._act(self._bucket.read(one.key))) is not None:
                return desk._sighting(seen, f"the object {one.key[-60:]}")
        if desk.marker not in pattern:
            for one in [one for one in fitting if (one.key, one.tag) not in self._known][:INSIDE]:
                seen = await self._act(self._bucket.read(one.key))
                if seen is not None and desk.marker in seen.text:
                    return desk._sighting(seen, f"the object {one.key[-60:]}")
                self._known.add((one.key, one.tag))
        count = f"{'more than ' if more else ''}{len(listed)} object{'' if len(listed) == 1 else 's'}"
        desk.saw = f"{count} under {prefix or self.name}, none with {desk.marker}"
        return None

    def put(self, key: str, content: bytes | str, *, kind: str = "application/octet-stream") -> Call[None]:
        """Write an object."""
        data = content.encode() if isinstance(content, str) else content
        return self._desk._call("put", place(), lambda: self._act(self._bucket.put(key, data, kind=kind)))

    def delete(self, key: str) -> Call[None]:
        """Delete an object; one that is not there is no trouble."""
        return self._desk._call("delete", place(), lambda: self._act(self._bucket.delete(key)))

    async def _act(self, act: Awaitable[T]) -> T:
        """A request, which records itself."""
        try:
            return await act
        except Trouble as trouble:
            raise self._desk._stopped(trouble) from None


class FolderFace:
    """A folder of this machine; of what is in it only plain files are looked at, and none below."""

    def __init__(self, desk: Desk, path: str) -> None:
        self._desk = desk
        self._folder = Path(desk._bench.folder) / path
        self._known: set[tuple[str, int]] = set()

    def find(self, name: str = "") -> Call[Sighting | None]:
        """The newest file whose name fits the pattern (`*MARKER*` unless given); where its name does not hold the
        marker, its content has to.
        """
        return self._desk._call("find", place(), partial(self._find, name))

    async def _find(self, name: str) -> Sighting | None:
        desk = self._desk
        look = desk._record("FOLDER", str(self._folder), name)
        act = asyncio.to_thread(self._search, name or f"*{desk.marker}*", desk.marker)
        seen, said = await desk._made(look, act, lambda pair: pair[1])
        desk.saw = said
        return desk._sighting(seen, f"the file {seen.url[-60:]}") if seen is not None else None

    def _search(self, pattern: str, marker: str) -> tuple[Seen | None, str]:
        found: list[tuple[int, str]] = []
        count = 0
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    count += 1
                    if count > ENTRIES:
                        break
                    if fnmatchcase(entry.name, pattern) and entry.is_file(follow_symlinks=False):
                        found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
        except OSError as error:
            raise _no_folder(self._folder, error) from None
        found.sort(reverse=True)
        named = [name for _, name in found if marker in name]
        for name in named[:1]:
            if (seen := self._open(name)) is not None:
                return seen, name
        if marker not in pattern:
            for at, name in [one for one in found if (one[1], one[0]) not in self._known][:INSIDE]:
                seen = self._open(name)
                if seen is not None and marker in seen.text:
                    return seen, name
                self._known.add((name, at))
        return None, f"{count} file{'' if count == 1 else 's'} in {self._folder.name}, none with {marker}"

    def _open(self, name: str) -> Seen | None:
        with suppress(OSError):
            data = _bytes_of(self._folder / name, READ, cut=True)
            return Seen(data.decode("utf-8", "replace"), url=name, values={"size": float(len(data))})
        return None

    def put(self, name: str, content: bytes | str) -> Call[None]:
        """Write a file, whole at once: whoever watches the folder never sees half of it."""
        _plain(name, place())
        data = content.encode() if isinstance(content, str) else content
        look = self._desk._record("PUT", str(self._folder / name))

        async def act() -> None:
            await asyncio.to_thread(self._write, name, data)

        return self._desk._call("put", place(), lambda: self._desk._made(look, act(), lambda _: f"{len(data)} bytes"))

    def _write(self, name: str, data: bytes) -> None:
        partly = self._folder / f".{name}.part"
        try:
            with open(partly, "xb") as file:
                file.write(data)
            os.rename(partly, self._folder / name)
        except OSError as error:
            with suppress(OSError):
                partly.unlink()
            raise _no_folder(self._folder, error) from None

    def delete(self, name: str) -> Call[None]:
        """Delete a file; one that is not there is no trouble."""
        _plain(name, place())
        look = self._desk._record("DELETE", str(self._folder / name))

        async def act() -> None:
            await asyncio.to_thread((self._folder / name).unlink, missing_ok=True)

        return self._desk._call("delete", place(), lambda: self._desk._made(look, act(), lambda _: "deleted"))


def _plain(name: str, where: Place) -> None:
    if name != Path(name).name or name in ("", ".", ".."):
        raise ProbeBug(f"{name!r} is no plain file name", where=say_place(where), hint="leave out the /")


def _bytes_of(file: Path, most: int, *, cut: bool) -> bytes:
    """What a plain file holds, its beginning where it may be cut; raises OSError."""
    end = os.open(file, os.O_RDONLY | os.O_NONBLOCK)  # a pipe that nobody writes into would hold us up
    with open(end, "rb") as opened:
        facts = os.fstat(end)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(0, "it is no plain file")
        if facts.st_size > most and not cut:
            raise OSError(0, f"it has more than {most // 1_000_000} MB")
        return opened.read(most)


def _no_folder(folder: Path, error: OSError) -> Trouble:
    said = f"the folder {folder.name} cannot be used: {error.strerror}"
    return Trouble(Failure.AUTH if isinstance(error, PermissionError) else Failure.UNREACHABLE, said)


async def read_file(folder: str, path: str) -> bytes:
    """What a file from this folder on holds; raises ProbeBug when it is not there."""
    try:
        return await asyncio.to_thread(_bytes_of, Path(folder) / path, LARGEST, cut=False)
    except OSError as error:
        hint = "paths start at the folder of the configuration"
        raise ProbeBug(f"the file {path} cannot be read: {error.strerror}", hint=hint) from None
