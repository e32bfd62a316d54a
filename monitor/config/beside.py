"""Files beside the configuration that attempts need: whether they are there, and where a host finds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from monitor.config.build import Built, Written
from monitor.config.catalog import Web
from monitor.config.merged import Merged
from monitor.config.sections import WebSection
from probes.kinds.job.spec import JobSpec
from probes.words.errors import Problem

_LARGEST = 20_000_000  # bytes, as many as a host reads


def files(merged: Merged, written: Iterable[Written], folder: Path) -> list[Problem]:
    """The files that are not there; probes that need some are told where their paths start."""
    problems = []
    for probe in written:
        needed = list(probe.spec.files())
        if needed or isinstance(probe.spec, JobSpec):
            probe.brings = {**probe.brings, "folder": str(folder)}
        for where, path in needed:
            if "${" not in path and (wrong := _wrong(folder / path)):
                write = "paths start at the folder of the configuration"
                problems.append(probe.problem(merged, f"the file {path} {wrong}", write, at=where))
    return problems


def _wrong(file: Path) -> str:
    try:
        if not file.exists():
            return "is not there"
        if not file.is_file():
            return "is no plain file"
        return "has more than 20 MB" if file.stat().st_size > _LARGEST else ""
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"


def hooks(merged: Merged, built: Built, section: WebSection | None) -> list[Problem]:
    """Jobs that wait for a webhook which could never arrive; where it could only come from this machine, a warning."""
    given = section or WebSection()
    web = Web(given.listen, given.url or "")
    problems, told = list[Problem](), set[int]()
    for key, probe in built.probes.items():
        origin = built.origins[key]
        if not isinstance(origin.spec, JobSpec) or not origin.spec.hears or id(origin) in told:
            continue
        told.add(id(origin))
        number = next(number for number, stage in enumerate(origin.spec.wait) if stage.webhook)
        at: tuple[str | int, ...] = ("wait", number, "webhook")
        if not web.base:
            what = "no webhook can arrive, as web: {listen: \"\"} serves nothing"
            problems.append(origin.problem(merged, what, "name a port there, and web: {url: https://…}", at=at))
        elif not web.url and not _is_here(built.workflows[probe.workflow].environments[probe.environment].target):
            what = "webhooks arrive from this machine alone, as showup has no address outside"
            built.warnings.append(str(origin.problem(merged, what, "write web: {url: https://…}", at=at)))
    return problems


def _is_here(target: Mapping[str, object]) -> bool:
    url = str(target.get("url", ""))
    return any(f"//{host}" in url for host in ("127.", "localhost", "[::1]"))
