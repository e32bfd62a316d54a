"""The machine that is set up: every effect of install, upgrade and uninstall goes through here, or is only told."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from probes.words.errors import ShowupError

SECONDS = 600.0  # the longest command: pip on a slow line


class Failed(ShowupError):
    """A step could not be done."""


class Host:
    """The machine below `root`. With `dry` every step is told with its commands, and nothing is changed."""

    def __init__(self, *, root: Path = Path("/"), dry: bool = False) -> None:
        self.root = root
        self.dry = dry

    def say(self, text: str) -> None:
        """One line for the person who watches."""
        print(text, flush=True)  # noqa: T201 - the answer of a command

    def step(self, text: str) -> None:
        """What is done next."""
        self.say(text)

    def would(self, text: str) -> bool:
        """True, and the act is told, when nothing may be changed."""
        if self.dry:
            self.say(f"    {text}")
        return self.dry

    def at(self, path: str | Path) -> Path:
        """Where an absolute path of the machine lies."""
        return self.root / Path(path).relative_to("/")

    def exists(self, path: str | Path) -> bool:
        """True when something is there; looking changes nothing, so it is done in a dry run too."""
        return self.at(path).exists()

    def is_root(self) -> bool:
        """True when we may."""
        return os.geteuid() == 0

    def which(self, program: str) -> str | None:
        """The program's path, or None."""
        return shutil.which(program)

    def succeeds(self, *command: str) -> bool:
        """True when a command that only looks ends well."""
        return self.execute(command).returncode == 0

    def run(self, *command: str) -> str:
        """Run a command that changes something and return what it printed; raises Failed with what it said."""
        if self.would(f"$ {shlex.join(command)}"):
            return ""
        done = self.execute(command)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise Failed(f"{shlex.join(command)} failed: {said[-1][:300] if said else f'exit {done.returncode}'}")
        return done.stdout

    def execute(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """The one place where a program is started; secrets never stand in `command`."""
        try:
            return subprocess.run(list(command), capture_output=True, text=True, check=False, timeout=SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            return subprocess.CompletedProcess(list(command), 127, "", str(error))

    def folder(self, path: str | Path, *, mode: int = 0o755) -> None:
        """A folder that is there with this mode."""
        if self.would(f"mkdir {path} ({mode:04o})"):
            return
        self.at(path).mkdir(parents=True, exist_ok=True)
        self.at(path).chmod(mode)

    def write(self, path: str | Path, content: str | bytes, *, mode: int = 0o644) -> None:
        """The file, whole or not at all, from its first moment with this mode; its content is never told."""
        if self.would(f"write {path} ({mode:04o})"):
            return
        place = self.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.part")
        part.unlink(missing_ok=True)
        data = content.encode() if isinstance(content, str) else content
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        part.replace(place)

    def copy(self, path: str | Path, to: str | Path, *, mode: int) -> None:
        """Another file of the same content, whole or not at all; a link in place of `path` is refused."""
        if self.would(f"cp {path} {to}"):
            return
        target = self.at(to)
        part = target.with_name(f".{target.name}.part")
        part.unlink(missing_ok=True)
        reading = os.open(self.at(path), os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(reading, "rb") as source:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as file:
                shutil.copyfileobj(source, file)
                file.flush()
                os.fsync(file.fileno())
        part.replace(target)

    def move(self, path: str | Path, to: str | Path) -> None:
        """Give a file another name."""
        if not self.would(f"mv {path} {to}"):
            self.at(path).replace(self.at(to))

    def remove(self, path: str | Path) -> None:
        """Take a file, or a folder with all it holds, away; nothing when it is not there."""
        if self.would(f"rm {path}"):
            return
        place = self.at(path)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def ask(self, service: str, **given: Any) -> Any:
        """What the running daemon answers; raises ShowupError, also when none runs."""
        from monitor import client
        from monitor.service.layout import STATE

        if not client.alive(self.at(STATE)):
            raise ShowupError("the daemon does not answer")
        return client.call(service, folder=self.at(STATE), **given)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def now(self) -> int:
        """µs since the epoch."""
        from probes.words.clock import SystemClock

        return SystemClock().now()

    def python(self) -> Mapping[str, Path]:
        """The environment that runs us: `prefix`, and the `base` that it was made from."""
        return {"prefix": Path(sys.prefix).resolve(), "base": Path(sys.base_prefix).resolve()}
