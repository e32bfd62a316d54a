"""Secrets by name: from a systemd credential, the environment or `.env`, in that order; never shown."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from probes.words.secret import Redactor

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*\Z")


class Secrets:
    """What `${secret:NAME}` means here. Printing it shows the number of names and nothing else."""

    __slots__ = ("_credentials", "_environ", "_file", "_folder", "_known", "_shown", "warnings")

    def __init__(
        self, environ: Mapping[str, str], *, credentials: Path | None = None, file: Mapping[str, str] | None = None
    ) -> None:
        self._environ, self._credentials = dict(environ), credentials
        self._file = dict(file or {})
        self._folder: Path | None = None
        self._known: dict[str, str] = {}
        self._shown: set[str] = set()  # every value there ever was: also an old one must not be shown
        self.warnings: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, folder: Path, environ: Mapping[str, str]) -> Secrets:
        """The secrets of this process; `.env` is looked for in `folder` and left alone when others may read it."""
        given = environ.get("CREDENTIALS_DIRECTORY")
        secrets = cls(environ, credentials=Path(given) if given else None)
        secrets._folder = folder
        secrets.renew()
        return secrets

    def renew(self) -> None:
        """Read `.env` and the credentials again, as a reload does; values that were looked up stay hidden for ever."""
        self._known.clear()
        if self._folder is None:
            return
        path, self.warnings = self._folder / ".env", ()
        try:
            if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
                self._file = {}
                self.warnings = (f"{path} can be read by every user and is not used; run: chmod 600 {path}",)
            else:
                self._file = parse_env(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._file = {}
        except (OSError, UnicodeDecodeError) as error:
            self._file = {}
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            self.warnings = (f"{path} cannot be read and is not used: {reason}",)

    def get(self, name: str) -> str | None:
        """The value, or None. A trailing line break, as editors leave one, is no part of it."""
        if name not in self._known:
            value = self._credential(name)
            value = value if value is not None else self._environ.get(name, self._file.get(name))
            value = (value or "").rstrip("\r\n")
            if not value:
                return None
            self._known[name] = value
            self._shown.add(self._known[name])
        return self._known[name]

    def _credential(self, name: str) -> str | None:
        if self._credentials is None or not name.isidentifier():
            return None
        try:
            return (self._credentials / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def need(self, names: Iterable[str]) -> dict[str, str]:
        """The values of all these names; raises KeyError with the first that is missing."""
        found = {}
        for name in names:
            value = self.get(name)
            if value is None:
                raise KeyError(name)
            found[name] = value
        return found

    def redactor(self) -> Redactor:
        """Removes every secret that was ever looked up."""
        return Redactor.of(self._shown)

    def __repr__(self) -> str:
        return f"Secrets({len(self._known)} in use)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("secrets are never written anywhere")


def parse_env(text: str) -> dict[str, str]:
    """`NAME=value` lines; `#` comments, `export` and one pair of quotes are understood, nothing is expanded."""
    found = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if not match or line.lstrip().startswith("#"):
            continue
        value = match[2]
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[match[1]] = value
    return found
