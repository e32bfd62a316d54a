"""A machine under a temporary folder: files are really written there, commands are noted and answered."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.service.host import Host
from probes.words.errors import ShowupError

NIGHT = 1_795_406_400_000_000
WELL = {
    "health": [],
    "workflows": [{"probes": [{"name": "home", "last": {"started": "2026-11-23T04:00:05+00:00", "state": "up"}}]}],
}


class Machine(Host):
    """`answers` decides what a command comes to (its exit code), `prints` what it prints, and `status` is what the
    daemon answers, None when it does not."""

    def __init__(self, root: Path, *, dry: bool = False, prefix: Path = Path("/opt/showup"), root_user: bool = True):
        super().__init__(root=root, dry=dry)
        self.commands: list[str] = []
        self.said: list[str] = []
        self.steps: list[str] = []
        self.prefix = prefix
        self.root_user = root_user
        self.systemd = True
        self.answers: Callable[[str], int] = lambda command: 1 if command.startswith("getent") else 0
        self.prints: Callable[[str], str] = lambda command: ""
        self.status: Mapping[str, Any] | None = WELL
        self.copies: Callable[[], str] | None = None
        self.waited = 0.0

    def say(self, text: str) -> None:
        self.said.append(text)

    def step(self, text: str) -> None:
        self.steps.append(text)
        super().step(text)

    def is_root(self) -> bool:
        return self.root_user

    def which(self, program: str) -> str | None:
        return f"/usr/bin/{program}" if self.systemd else None

    def execute(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        line = " ".join(command)
        self.commands.append(line)
        code = self.answers(line)
        refusal = f"{command[0]} says no" if code else ""
        return subprocess.CompletedProcess(list(command), code, self.prints(line), refusal)

    def ask(self, service: str, **given: Any) -> Any:
        if service == "backup" and self.copies is not None:
            return {"path": self.copies()}
        if service == "status" and self.status is not None:
            return self.status
        raise ShowupError("the daemon does not answer")

    def wait(self, seconds: float) -> None:
        self.waited += seconds

    def now(self) -> int:
        return NIGHT

    def python(self) -> Mapping[str, Path]:
        return {"prefix": self.prefix, "base": Path("/usr")}

    @property
    def changed(self) -> list[str]:
        """Commands that change something."""
        return [line for line in self.commands if not line.startswith("getent")]


def machine(root: Path, **more: Any) -> Machine:
    """One that systemd runs, with nothing of ours on it."""
    (root / "run/systemd/system").mkdir(parents=True, exist_ok=True)
    return Machine(root, **more)
