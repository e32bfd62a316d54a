"""Where the house stands: its top folder, its tracked files, its Python files."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("monitor", "probes", "alerts", "templates")
_NOT_OURS = {".git", ".venv", "__pycache__", "build", "dist", "htmlcov"}


@cache
def tracked() -> tuple[Path, ...]:
    """Every tracked file that is there, relative to the top; in an unpacked archive without git, every file."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    else:
        below = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        names = [path for path in below if not _NOT_OURS & set(path.parts)]
    return tuple(sorted(name for name in names if (ROOT / name).is_file() and not (ROOT / name).is_symlink()))


def sources() -> list[Path]:
    """The Python files of the four packages, committed or not, relative to the top."""
    return sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def text_of(path: Path) -> str | None:
    """The file's text, or None when it is not text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
