"""Cookies for the length of one attempt: enough for a log-in to last to the next step, and no more."""

from __future__ import annotations

from probes.target import Place

_MOST = 50  # cookies of an attempt
_LONGEST = 4_096  # characters of one


class Jar:
    """Cookies by the host that set them; none is ever sent to another host, whatever its Domain says."""

    __slots__ = ("_cookies",)

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str], tuple[str, str, bool]] = {}  # (host, name) -> (value, path, secure)

    def __bool__(self) -> bool:
        return bool(self._cookies)

    def take(self, place: Place, lines: list[str]) -> None:
        """Keep what `Set-Cookie` lines of an answer from `place` say; what cannot be read is left out."""
        for line in lines:
            pair, *attributes = line.split(";")
            name, equals, value = (part.strip() for part in pair.partition("="))
            if not equals or not name or len(line) > _LONGEST or not line.isprintable():
                continue
            said = {key.strip().lower(): text.strip() for key, _, text in (part.partition("=") for part in attributes)}
            if said.get("max-age", "1").lstrip("-").isdigit() and int(said.get("max-age", "1")) <= 0:
                self._cookies.pop((place.host, name), None)
            elif len(self._cookies) < _MOST or (place.host, name) in self._cookies:
                path = said.get("path", "")
                path = path if path.startswith("/") else "/"
                self._cookies[place.host, name] = (value, path, "secure" in said)

    def line(self, place: Place) -> str:
        """The `Cookie` header for a request to `place`, "" for none."""
        return "; ".join(
            f"{name}={value}"
            for (host, name), (value, path, secure) in self._cookies.items()
            if host == place.host and _within(place.path, path) and (not secure or place.scheme == "https")
        )


def _within(path: str, root: str) -> bool:
    path = path.partition("?")[0]
    return path == root or path.startswith(root if root.endswith("/") else root + "/")
