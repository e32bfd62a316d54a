"""What a mailbox holds, and what IMAP's SEARCH and FETCH say of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from email import message_from_bytes
from functools import partial

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PARTIAL = re.compile(r"(BODY(?:\.PEEK)?\[[^\]]*\]|RFC822(?:\.HEADER|\.TEXT)?)(?:<(\d+)\.(\d+)>)?\Z", re.IGNORECASE)


@dataclass(slots=True)
class Mail:
    """One message: its unique number, when it came, its flags."""

    uid: int
    raw: bytes
    at: datetime
    flags: set[str] = field(default_factory=set)


Test = Callable[[Mail], bool]


class Refused(Exception):
    """A command that this server does not understand; the message goes into its BAD."""


class Mailbox:
    """Messages in the order of their numbers."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self._next = 1

    def add(self, raw: bytes, at: datetime) -> Mail:
        """Take one in."""
        mail = Mail(self._next, raw, at)
        self._next += 1
        self.mails.append(mail)
        return mail

    @property
    def next_uid(self) -> int:
        """The number that the next message will have."""
        return self._next

    def chosen(self, wanted: str, *, by_uid: bool) -> list[Mail]:
        """The messages of a set such as `1:3,7,9:*`."""
        most = self._next - 1 if by_uid else len(self.mails)
        found = []
        for number, mail in enumerate(self.mails, start=1):
            own = mail.uid if by_uid else number
            if any(low <= own <= high for low, high in _ranges(wanted, most)):
                found.append(mail)
        return found

    def place(self, mail: Mail) -> int:
        """Its sequence number."""
        return self.mails.index(mail) + 1

    def search(self, words: Sequence[str]) -> list[Mail]:
        """Those that a SEARCH finds. Text is looked for as it travels: nothing is decoded, as with simple servers."""
        words = list(words)
        tests: list[Test] = []
        while words:
            key = words.pop(0).upper()
            if key == "CHARSET":
                words.pop(0)
            elif key in ("TEXT", "BODY", "SUBJECT", "FROM", "TO"):
                tests.append(_holds(key, words.pop(0)))
            elif key in ("SINCE", "BEFORE", "ON", "SENTSINCE"):
                tests.append(_dated(key, _date(words.pop(0))))
            elif key == "UID":
                chosen = self.chosen(words.pop(0), by_uid=True)
                tests.append(partial(_among, chosen))
            elif key in ("UNSEEN", "SEEN", "DELETED", "UNDELETED"):
                flag, wanted = ("\\Seen", key == "SEEN") if "SEEN" in key else ("\\Deleted", key == "DELETED")
                tests.append(partial(_flagged, flag, wanted))
            elif key != "ALL":
                raise Refused(f"this server does not search by {key[:40]}")
        return [mail for mail in self.mails if all(test(mail) for test in tests)]

    def expunge(self, only: Sequence[Mail] | None = None) -> Iterator[int]:
        """Remove what is flagged as deleted; the sequence numbers as IMAP tells them, one after the other."""
        for mail in list(self.mails):
            if "\\Deleted" in mail.flags and (only is None or mail in only):
                number = self.place(mail)
                self.mails.remove(mail)
                yield number


def item(mail: Mail, name: str) -> tuple[str, bytes | str] | None:
    """What FETCH says of one item, as (name, value): bytes travel as a literal."""
    upper = name.upper()
    if upper == "UID":
        return "UID", str(mail.uid)
    if upper == "FLAGS":
        return "FLAGS", f"({' '.join(sorted(mail.flags))})"
    if upper == "RFC822.SIZE":
        return upper, str(len(mail.raw))
    if upper == "INTERNALDATE":
        return upper, f'"{mail.at:%d-%b-%Y %H:%M:%S +0000}"'
    found = _PARTIAL.match(name)
    if found is None:
        return None
    data, section = mail.raw, found[1].upper()
    head, _, body = data.partition(b"\r\n\r\n")
    if "HEADER" in section:
        data = head + b"\r\n\r\n"
    elif "TEXT" in section:
        data = body
    if "PEEK" not in section:
        mail.flags.add("\\Seen")
    said = section.replace(".PEEK", "")
    if found[2] is None:
        return said, data
    return f"{said}<{found[2]}>", data[int(found[2]) : int(found[2]) + int(found[3])]


def _ranges(text: str, most: int) -> Iterator[tuple[int, int]]:
    for part in text.split(","):
        first, colon, last = part.partition(":")
        ends = [most if end == "*" else int(end) for end in ((first, last) if colon else (first, first))]
        yield min(ends), max(ends)


def _among(chosen: list[Mail], mail: Mail) -> bool:
    return mail in chosen


def _flagged(flag: str, wanted: bool, mail: Mail) -> bool:
    return (flag in mail.flags) is wanted


def _holds(key: str, text: str) -> Test:
    sought = text.encode().lower()

    def test(mail: Mail) -> bool:
        if key in ("TEXT", "BODY"):
            raw = mail.raw if key == "TEXT" else mail.raw.partition(b"\r\n\r\n")[2]
            return sought in raw.lower()
        return text.lower() in str(message_from_bytes(mail.raw).get(key, "")).lower()

    return test


def _dated(key: str, day: date) -> Test:
    def test(mail: Mail) -> bool:
        own = mail.at.date()
        return own < day if key == "BEFORE" else own == day if key == "ON" else own >= day

    return test


def _date(text: str) -> date:
    day, month, year = text.strip('"').split("-")
    return date(int(year), _MONTHS.index(month.lower()) + 1, int(day))
