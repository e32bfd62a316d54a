"""The conformance kit: a model provider in every dialect and a hostile web server, at a known place, with a switch.

A running kit writes `kit.json` into the state folder, for the commands that switch its faults from another terminal.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from monitor.sandbox.faults import Fault
from monitor.sandbox.hostile import BEHAVIOURS
from monitor.sandbox.http_target import HttpTarget
from monitor.sandbox.models import ModelServer
from monitor.sandbox.models.server import LABELS
from probes.words.errors import Refused

PORT = 8480
PACE = 0.03  # s between two words, as a quick model streams
FILE, KEY_FILE = "kit.json", "kit.key"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a kit runs and what switches it: what `kit.json` holds."""

    url: str
    token: str
    pid: int

    @classmethod
    def read(cls, folder: Path) -> Place:
        """The kit that was started with this state folder; raises Refused when there is none."""
        try:
            found = json.loads((folder / FILE).read_text())
            return cls(str(found["url"]), str(found["token"]), int(found["pid"]))
        except FileNotFoundError:
            raise Refused("no kit was started here", hint="start one in another terminal: showup kit") from None
        except (OSError, ValueError, KeyError, TypeError):
            raise Refused(f"{folder / FILE} cannot be read", hint="start the kit again: showup kit") from None


class Kit:
    """`async with Kit(folder) as kit:`; `models` is the provider, `hostile` the web server that misbehaves.

    With an `address` other than loopback others may come in: everything it says is made up, the key is all it asks for.
    """

    def __init__(self, folder: Path, *, port: int = PORT, address: str = "127.0.0.1", pace: float = PACE) -> None:
        self._folder = folder
        self.models = ModelServer(port=port, address=address, key=kept_key(folder), pace=pace)
        self.hostile = HttpTarget(port=port + 1 if port else 0)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.models)
            await stack.enter_async_context(self.hostile)
            self._write()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError, Refused):
            if Place.read(self._folder).pid == os.getpid():
                (self._folder / FILE).unlink()
        await self._stack.aclose()

    def break_it(self, fault: Fault, dialect: str = "") -> Fault:
        """Set a fault, in one dialect or in all."""
        return self.models.faults.set(aimed(fault, dialect))

    def addresses(self) -> dict[str, str]:
        """Addresses that are broken by themselves: what is wrong with each, and where it is."""
        tls = {f"certificate-{kind}": self.hostile.tls(kind) for kind in ("expired", "wrong-host", "self-signed")}
        name = {"no-such-name": "http://nowhere.invalid", "refused": self.hostile.refused}
        return name | tls | {kind: self.hostile.at(kind) for kind in BEHAVIOURS if kind != "ok"}

    def _write(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        place = Place(f"http://127.0.0.1:{self.models.port}", self.models.control_token, os.getpid())
        write_private(self._folder / FILE, json.dumps(asdict(place)))


def aimed(fault: Fault, dialect: str) -> Fault:
    """The fault, in one dialect alone if one is named; raises Refused for a name that is none."""
    if not dialect:
        return fault
    if dialect not in LABELS:
        raise Refused(f"the kit speaks no {dialect!r}; it speaks {', '.join(LABELS)}")
    return Fault(**{**asdict(fault), "where": LABELS[dialect]})


def kept_key(folder: Path) -> str:
    """The key that the kit asks for: made once, so that what points at it stays right."""
    path = folder / KEY_FILE
    with suppress(OSError):
        if kept := path.read_text().strip():
            return kept
    key = f"sk-kit-{secrets.token_hex(12)}"
    folder.mkdir(parents=True, exist_ok=True)
    write_private(path, key)
    return key


def write_private(path: Path, text: str) -> None:
    """Write a file whole, readable by its owner alone."""
    draft = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        draft.unlink()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


class Switch:
    """A running kit as another process has it in hand; raises Refused when it does not answer, or not as a kit does."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def state(self) -> dict[str, Any]:
        """`set`: the faults there are; `met`: how many requests met each kind; `kinds`: those it has."""
        return self._call("GET", "/_sandbox/faults")

    def break_it(self, fault: Fault) -> dict[str, Any]:
        """Set a fault."""
        return self._call("POST", "/_sandbox/faults", {k: v for k, v in asdict(fault).items() if v is not None})

    def heal(self, kind: str = "") -> dict[str, Any]:
        """Repair everything, or everything of one kind."""
        return self._call("DELETE", "/_sandbox/faults" + (f"?kind={kind}" if kind else ""))

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        import httpx

        headers = {"Authorization": f"Bearer {self.place.token}"}
        try:
            answer = httpx.request(
                method, self.place.url + path, headers=headers, json=body, timeout=5, trust_env=False
            )
            found = answer.json() if answer.status_code != 401 else {"error": "it takes another token"}
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            hint = "start it in another terminal: showup kit"
            raise Refused(f"no kit answers at {self.place.url}", hint=hint) from None
        if not isinstance(found, dict) or "error" in found:
            said = found.get("error") if isinstance(found, dict) else "an answer that is not a kit's"
            raise Refused(f"the kit at {self.place.url} refused: {said}")
        return found
