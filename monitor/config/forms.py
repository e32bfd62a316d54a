"""The forms in which values of the configuration are written, as pydantic types."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator

from probes.target import checked_headers, host_name, locate
from probes.words.errors import Refused
from probes.words.hours import parse_hours
from probes.words.secret import names_in
from probes.words.units import Duration, say_duration


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(f"{name!r} is no time zone; write a name like Europe/Berlin or America/New_York") from None
    return name


def _is_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        holds = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an open bracket, or a port that is none
        holds = False
    if not holds:
        # What stands before the last @ may be a password.
        raise ValueError(f"{url.rpartition('@')[2]!r} is no address; write https://host or http://host:port")
    if "@" in parts.netloc:
        raise ValueError("the address holds a password; write auth: {basic: …} with ${secret:NAME}")
    try:
        locate(url)
    except Refused as error:
        raise ValueError(str(error)) from None
    return url.rstrip("/")


def _is_host(name: str) -> str:
    try:
        return host_name(name)
    except Refused:
        raise ValueError(f"{name!r} is not the name of a host; write one such as files.example.com") from None


def _are_headers(headers: dict[str, str]) -> dict[str, str]:
    try:
        checked_headers(headers)
    except Refused as error:
        raise ValueError(str(error)) from None
    return headers


def _is_secret(text: str) -> str:
    if not names_in(text):
        raise ValueError("a secret never stands in the file; write ${secret:NAME}")
    return text


def _are_hours(text: str) -> str:
    if text:
        parse_hours(text)
    return text


def _is_ping(text: str) -> str:
    return text if names_in(text) else _is_address(text)


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _at_least(least: timedelta) -> AfterValidator:
    def check(length: timedelta) -> timedelta:
        if length < least:
            raise ValueError(f"too short; write {say_duration(least)} or more")
        return length

    return AfterValidator(check)


Zone = Annotated[str, AfterValidator(_is_zone)]
Address = Annotated[str, AfterValidator(_is_address)]
Addresses = Annotated[tuple[Address, ...], BeforeValidator(_as_tuple)]
Words = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
Hosts = Annotated[tuple[Annotated[str, AfterValidator(_is_host)], ...], BeforeValidator(_as_tuple)]
Headers = Annotated[dict[str, str], AfterValidator(_are_headers)]
Hours = Annotated[str, AfterValidator(_are_hours)]
Ping = Annotated[str, AfterValidator(_is_ping)]
SecretText = Annotated[str, AfterValidator(_is_secret)]
Period = Annotated[Duration, _at_least(timedelta(seconds=1))]
Age = Annotated[Duration, _at_least(timedelta(minutes=1))]
Ages = Annotated[tuple[Age, ...], BeforeValidator(_as_tuple)]
SecretHeaders = Annotated[dict[str, SecretText], AfterValidator(_are_headers)]
