"""How a wrapped job reports: to an address with its token, or to the daemon of this machine; never in its way."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from monitor.places import SOCKET, state_folder
from probes.words.errors import Refused
from probes.words.text import for_log

VARIABLE = "SHOWUP_PING_URL"  # where an address with its token may stand
ONE_TRY = 10.0  # seconds
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds between tries; the last one over and over
STARTS_WITHIN = 15.0  # seconds in which a start is reported or given up: the job does not wait for it


class Unheard(Exception):
    """A report did not arrive; `final` when trying again cannot help."""

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


class Ear(Protocol):
    """Where reports go: raises Unheard for one that did not arrive."""

    def say(self, word: str, *, rid: str, body: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Web:
    """An address with its token, which stands in no message."""

    url: str = field(repr=False)

    def say(self, word: str, *, rid: str, body: str) -> None:
        """One word: start, or an exit status."""
        answer = _post(f"{self.url}/{word}?rid={rid}", content=body.encode("utf-8", "replace"))
        if answer.status_code not in (200, 429):  # the latter is kept, and written a moment later
            raise Unheard(f"it answered {answer.status_code}", final=answer.status_code in (400, 404, 405, 409))


@dataclass(frozen=True, slots=True)
class Local:
    """The daemon of this machine, over its Unix socket."""

    folder: Path
    name: str

    def say(self, word: str, *, rid: str, body: str) -> None:
        """One word: start, or an exit status."""
        said: dict[str, Any] = {"said": word} if word == "start" else {"status": int(word)}
        if _is_closed(self.folder / SOCKET):
            raise Unheard("its socket is not yours to open; report to an address instead (--url-file)", final=True)
        given = {"probe": self.name, "rid": rid, "body": body, **said}
        answer = _post("http://keeper/rpc/heartbeat", uds=self.folder / SOCKET, json=given)
        if answer.status_code != 200:
            why = f"it answered: {for_log(answer.text, 200)}"
            raise Unheard(why, final=answer.status_code in (400, 404, 422))


def _is_closed(socket: Path) -> bool:
    """True when a daemon may be there, and this user may not talk to it."""
    try:
        os.stat(socket)
        return not os.access(socket, os.R_OK | os.W_OK)
    except PermissionError:
        return True
    except OSError:
        return False


def _post(url: str, *, uds: Path | None = None, **what: Any) -> Any:
    import httpx  # loaded beside the job, which has begun

    transport = httpx.HTTPTransport(uds=str(uds)) if uds is not None else None
    try:
        with httpx.Client(timeout=ONE_TRY, transport=transport) as client:
            return client.post(url, **what)
    except (httpx.HTTPError, httpx.InvalidURL) as error:  # its words may hold the address
        raise Unheard(_why(error)) from None


def _why(error: Exception) -> str:
    names = {"ConnectError": "it cannot be reached", "ConnectTimeout": "it cannot be reached"}
    return names.get(type(error).__name__, f"it did not answer ({type(error).__name__})")


def ear_of(name: str, url_file: Path | None, state: Path | None, environ: Mapping[str, str]) -> Ear:
    """Where this job reports: the address in a file, in the environment, or the daemon here. Raises Refused."""
    if url_file is not None:
        try:
            return Web(_address(url_file.read_text(encoding="utf-8"), f"in {url_file}"))
        except (OSError, UnicodeDecodeError):
            raise Refused(f"{url_file} cannot be read", hint="write a file that holds the address alone") from None
    if environ.get(VARIABLE):
        return Web(_address(environ[VARIABLE], f"in ${VARIABLE}"))
    if "/ping/" in name:
        raise Refused("an address on the command line is seen by everybody", hint=f"put it into ${VARIABLE}")
    if not name:
        raise Refused("which job reports is not said", hint=f"write its name before --, or set ${VARIABLE}")
    return Local(state or state_folder(environ), name)


def _address(text: str, where: str) -> str:
    url = text.strip().rstrip("/")
    if not url.startswith(("https://", "http://")) or any(ord(mark) <= 32 for mark in url):
        raise Refused(f"there is no address {where}", hint="showup heartbeat list shows it")
    return quote(url, safe=":/?&=%@[]+~.,;-_")


class Reporter:
    """Reports the start of a job while it runs, and its end with all patience that is left."""

    def __init__(self, ear: Ear, rid: str, *, patience: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._ear, self._rid, self._patience, self._sleep = ear, rid, patience, sleep
        self._starting = threading.Thread(target=self._say_start, name="start", daemon=True)

    def start(self) -> None:
        """Tell that the job begins, beside it."""
        self._starting.start()

    def _say_start(self) -> None:
        self._insist("start", "", within=min(STARTS_WITHIN, self._patience))

    def end(self, status: int, body: str) -> str:
        """Tell how it ended; returns "" or why that did not arrive."""
        began = time.monotonic()
        self._starting.join(min(STARTS_WITHIN, self._patience))  # a start that came after its end would begin a new run
        return self._insist(str(status), body, within=max(0.0, self._patience - (time.monotonic() - began)))

    def _insist(self, word: str, body: str, *, within: float) -> str:
        until, tries = time.monotonic() + within, 0
        while True:
            try:
                self._ear.say(word, rid=self._rid, body=body)
                return ""
            except Unheard as unheard:
                wait = WAITS[min(tries, len(WAITS) - 1)]
                tries += 1
                if unheard.final or time.monotonic() + wait > until:
                    return str(unheard) + (f", {tries} times" if tries > 1 else "")
                self._sleep(wait)


def without_address(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment that the job gets: its address is no business of what it runs."""
    return {name: value for name, value in environ.items() if name != VARIABLE}
