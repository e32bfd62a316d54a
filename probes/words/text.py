"""Hostile text made harmless: cleaned on its way in, encoded for each place on its way out."""

from __future__ import annotations

import re
import unicodedata

_BIDI = {"Cf", "Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_HEADER = re.compile(r"[^\x20-\x7e]")


def clean(text: str, limit: int = 200, *, lines: bool = False) -> str:
    """Text without control, bidirectional and zero-width characters, cut to `limit` characters with `…`; one line
    unless `lines`."""
    text = text[: limit * 4]
    kept = [
        character
        for character in (text if lines else " ".join(text.split()))
        if (lines and character in "\n\t") or unicodedata.category(character) not in _BIDI
    ]
    text = "".join(kept)
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


def for_terminal(text: str, limit: int = 2_000) -> str:
    """Text that cannot move the cursor, colour the screen or ring the bell."""
    return clean(text, limit, lines=True)


def for_log(text: str, limit: int = 2_000) -> str:
    """One line for a log: no line breaks, so no entry can be forged."""
    return clean(text, limit)


def for_header(text: str, limit: int = 256) -> str:
    """Printable ASCII for an HTTP header value; everything else becomes `?`."""
    return _HEADER.sub("?", text)[:limit]


def for_mrkdwn(text: str, limit: int = 2_900) -> str:
    """Text for Slack mrkdwn: `&`, `<`, `>` encoded, so that no mention, link or channel call can be made; formatting
    marks disarmed."""
    text = clean(text, limit, lines=True)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # a zero-width joiner breaks *bold*, _italic_, ~strike~ and `code` without changing what is read
    return re.sub(r"([*_~`])", "\u2060\\1", text)


def for_markdown(text: str, limit: int = 2_000) -> str:
    """One line for Markdown: no heading, list, link, image, table cell, tag or mention can be made of it."""
    said = re.sub(r"([\\`*_{}\[\]()<>#+!|~-])", r"\\\1", clean(text, limit).replace("&", "&amp;"))
    said = re.sub(r"(?i)(:)(?=//)|(?<=www)(\.)", r"\\\g<0>", said)  # an address by itself becomes a link at many hosts
    return said.replace("@", "@\u2060")  # and a name behind an @ is called there
