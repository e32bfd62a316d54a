"""Ends of certificates: of watched hosts alone, nothing that cannot be one, written down when they change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlmodel import Session

from monitor.config.catalog import Catalog
from monitor.config.load import load_text
from monitor.engine.expiries import LAST, Expiries, hosts_of, kept_in
from monitor.store.database import Store
from probes.words.clock import PushedClock
from probes.words.units import DAY

NOON = 1_795_435_200_000_000  # 2026-11-23 12:00 UTC
SOON = NOON + 20 * DAY


def catalog(*hosts: str, staging: str = "") -> Catalog:
    probes = "probes: {home: {get: /, check: [{contains: x}]}}"
    lines = [f"  w{number}: {{url: 'https://{host}', {probes}}}" for number, host in enumerate(hosts)]
    if staging:
        places = f"environments: {{production: 'https://{hosts[0]}', staging: 'https://{staging}'}}"
        lines.append(f"  more: {{{places}, allow: [Files.example.com], {probes}}}")
    return load_text("\n".join(["workflows:", *lines]))


def test_watched_is_what_a_scheduled_probe_may_reach() -> None:
    found = hosts_of(catalog("A.example.com:8443", "[::1]", staging="staging.example.com"))
    assert found == {"a.example.com", "::1", "files.example.com"}


def test_the_newest_end_of_a_host_is_known_the_soonest_first() -> None:
    ends = Expiries()
    ends.watch(catalog("a.example.com", "b.example.com"), None)
    ends.learn({"certificates": {"a.example.com": SOON, "b.example.com": SOON}})
    ends.learn({"certificates": {"a.example.com": SOON + DAY}})
    assert ends.soonest() == [("b.example.com", SOON), ("a.example.com", SOON + DAY)]


def test_what_no_probe_can_have_seen_is_not_taken_over() -> None:
    ends = Expiries()
    ends.watch(catalog("a.example.com"), {"a.example.com": "tomorrow", "gone.example.com": SOON})
    wrong: list[Any] = [None, [], "x", {"other.example.com": SOON}]
    wrong += [{"a.example.com": bad} for bad in (True, -1, 0, LAST + 1, 1.5, "x", None, [])]
    for learned in wrong:
        ends.learn({"certificates": learned})
    ends.learn({})
    assert ends.known == {}


def test_each_port_of_a_host_has_an_end_of_its_own_as_long_as_something_names_it() -> None:
    ends = Expiries()
    ends.watch(catalog("a.example.com:8443"), {"a.example.com": SOON, "a.example.com:8443": SOON + DAY})
    assert ends.soonest() == [("a.example.com:8443", SOON + DAY)], "the bare name is of before ports were told apart"
    ends.learn({"certificates": {"a.example.com:9443": SOON, "[::1]:8443": SOON}})
    assert [place for place, _ in ends.soonest()] == ["a.example.com:9443", "a.example.com:8443"]
    ends.watch(catalog("a.example.com", "[::1]:8443"), None)
    assert ends.soonest() == [], "nobody would ever see those ports renewed"
    ends.learn({"certificates": {"a.example.com": SOON, "[::1]:8443": SOON}})
    ends.watch(catalog("a.example.com", "[::1]:8443"), None)
    assert [place for place, _ in ends.soonest()] == ["[::1]:8443", "a.example.com"]


def test_a_tls_probe_shows_the_port_that_it_names_and_where_it_names_none_any() -> None:
    both = {"a.example.com": SOON, "a.example.com:993": SOON}
    for place, shown in (("a.example.com:993", ["a.example.com:993"]), ("imaps://a.example.com", sorted(both))):
        probes = f"probes: {{home: {{get: /, check: [{{contains: x}}]}}, mail: {{tls: '{place}'}}}}"
        ends = Expiries()
        ends.watch(load_text(f"workflows: {{w: {{url: 'https://a.example.com:8443', {probes}}}}}"), both)
        assert [name for name, _ in ends.soonest()] == shown


async def test_it_is_written_when_it_changes_and_read_back_without_hosts_that_are_gone(tmp_path: Path) -> None:
    ends, written = Expiries(), list[int]()
    async with Store.open("", folder=tmp_path, clock=PushedClock(NOON), ballast=0) as store:

        async def write(work: Callable[[Session], Any], /) -> Any:
            written.append(1)
            return await store.write(work)

        ends.watch(catalog("a.example.com", "b.example.com"), None)
        await ends.keep(write, now=NOON)
        assert written == [], "nothing is known"
        for end in (SOON, SOON, SOON + DAY):
            ends.learn({"certificates": {"a.example.com": end, "b.example.com": SOON}})
            await ends.keep(write, now=NOON)
        assert len(written) == 2

        after = Expiries()
        after.watch(catalog("a.example.com"), await store.read(kept_in))
        assert after.known == {"a.example.com": SOON + DAY}
        await after.keep(write, now=NOON)
        assert await store.read(kept_in) == {"a.example.com": SOON + DAY}
