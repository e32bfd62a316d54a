"""Partners that drift, end, and lose their keys: real servers, real attempts, and what the keeper makes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from monitor.config.catalog import Catalog
from monitor.config.load import load_text
from monitor.engine.verdict import judge
from monitor.sandbox.partner import PartnerServer
from monitor.sandbox.partner.names import NameServer
from probes import attempt
from probes.frames import Reply, Request, pack, unpack_reply
from probes.kinds.contract.baseline import learn
from probes.words.clock import SystemClock
from probes.words.units import DAY

SECRETS = {"KEY": "first-key", "SPARE": "second-key"}
CONTRACT = """kind: contract, partner: calendar, get: /slots, switches: ["$.slots[].state"],
         invalid: {get: /slots, params: {page: x}}, openapi: /openapi.json"""


def catalog(server: PartnerServer, probe: str, **more: str) -> Catalog:
    keys = "".join(f"    {name}: {value}\n" for name, value in more.items())
    return load_text(
        f"workflows:\n  intake:\n    url: {server.url}\n    allow: [localhost, elsewhere.invalid]\n{keys}"
        f'    auth: {{bearer: "${{secret:KEY}}"}}\n    probes:\n'
        f"      home: {{get: /slots, check: [{{status: 200}}]}}\n      it: {{{probe}}}\n",
        secrets=SECRETS,
    )


async def tried(job: Mapping[str, Any], *, memory: Mapping[str, Any] | None = None) -> Reply:
    """One attempt as a host makes it, its reply as it comes over the pipe."""
    now = SystemClock().now()
    request = Request(1, "j", "RUN1", 1, now, 0, 10.0, secrets=SECRETS, keep=True, memory=dict(memory or {}))
    return unpack_reply(pack(await attempt.make(attempt.prepare(job), request)))


async def one(server: PartnerServer, probe: str, **more: str) -> Reply:
    return await tried(catalog(server, probe, **more).probes["intake/production/it"].job)


@asynccontextmanager
async def learned() -> AsyncIterator[tuple[PartnerServer, dict[str, Any]]]:
    """A partner, and the job of a contract probe that learned from it."""
    async with PartnerServer() as server:
        job = dict(catalog(server, CONTRACT).probes["intake/production/it"].job)
        seen = [(await tried({**job, "contract": {"learning": True}})).learned["contract"] for _ in range(20)]
        yield server, {**job, "contract": {"baseline": learn(seen, day="2026-11-26")}}


BREAKS = {
    "renamed": "get /slots: $.slots[].start is gone from 6 of 6 objects; is it $.slots[].starts_at now?",
    "removed": "get /slots: $.slots[].start is gone from 6 of 6 objects",
    "retyped": "get /slots: $.slots[].id is text instead of number (6 of 6)",
    "nulled": "get /slots: $.slots[].start is null, which it never was (6 of 6)",
    "new-value": 'get /slots: $.slots[].state has a new value: "tentative"',
    "content-type": "get /slots: the content type is text/plain instead of application/json",
    "unpaged": "get /slots: the header link is gone",
    "error-shape": "invalid: $.error is gone",
    "nested": "get /slots: $.slots[].id is gone from 6 of 6 objects (and 2 more)",
}


async def test_an_interface_that_breaks_is_said_to_and_the_partner_is_blamed() -> None:
    async with learned() as (server, job):
        for kind, said in BREAKS.items():
            server.faults.clear()
            server.faults.set(kind)
            reply = await tried(job)
            assert (reply.state, reply.failure) == ("down", "contract_changed"), kind
            assert reply.sentence == f"calendar changed its interface: {said}"
            verdict = judge(reply, partner="calendar")
            assert (verdict.blame, str(verdict.state)) == ("partner", "down")
            assert "first-key" not in str(reply)


async def test_what_only_may_break_degrades_and_what_is_new_is_news() -> None:
    async with learned() as (server, job):
        well = await tried(job)
        assert (well.state, well.versions["contract"]) == ("up", "as learned on 2026-11-26")
        for kind in ("deprecated", "moved"):
            server.faults.clear()
            server.faults.set(kind)
            assert ((await tried(job)).state, kind) == ("degraded", kind)
        news_of = {
            "added": "get /slots $.slots[].holder is new (text)",
            "described": "openapi its description is another",
        }
        for kind, news in news_of.items():
            server.faults.clear()
            server.faults.set(kind)
            reply = await tried(job)
            assert (reply.state, reply.versions["contract"]) == ("up", news)


async def test_a_field_that_comes_and_goes_is_missed_after_so_many_runs_as_make_it_sure() -> None:
    async with learned() as (server, job):
        server.faults.set("vanished")
        memory, states = {}, []
        for _ in range(4):
            reply = await tried(job, memory=memory)
            memory = reply.learned["memory"]
            states.append(reply.state)
        assert states == ["up", "up", "degraded", "degraded"]
        server.faults.clear()
        back = await tried(job, memory=memory)
        assert (back.state, back.learned["memory"]["absent"]) == ("up", {})


async def test_what_is_no_json_or_refused_is_called_what_it_is() -> None:
    async with learned() as (server, job):
        failures = {"no-json": "garbage", "revoked": "auth", "unpaid": "quota", "server-error": "app_error"}
        for kind, failure in failures.items():
            server.faults.clear()
            server.faults.set(kind)
            assert ((await tried(job)).failure, kind) == (failure, kind)


async def test_without_a_baseline_nothing_is_said_and_a_broken_one_is_our_fault() -> None:
    async with PartnerServer() as server:
        job = dict(catalog(server, CONTRACT).probes["intake/production/it"].job)
        reply = await tried(job)
        assert (reply.state, reply.failure) == ("unknown", "unscored")
        assert reply.sentence == "there is no baseline yet; run showup contract learn it"
        for broken in ({"baseline": {"contract": 2}}, {"baseline": []}, {"trouble": "the baseline x cannot be read"}):
            reply = await tried({**job, "contract": broken})
            assert (reply.state, reply.failure) == ("unknown", "probe_bug")
            assert reply.sentence.endswith("run showup contract learn it --again")
        assert not server.received


async def test_an_announced_end_is_learned_and_forgotten_when_it_is_taken_back() -> None:
    async with learned() as (server, job):
        server.faults.set("sunset", seconds=20 * 86_400)
        reply = await tried(job)
        name = "GET /slots of 127.0.0.1"
        assert reply.state == "up"
        assert abs(reply.learned["notices"][name] - SystemClock().now() - 20 * DAY) < DAY // 1000
        server.faults.clear()
        after = await tried(job, memory=reply.learned["memory"])
        assert after.learned["notices"][name] == 0


@pytest.mark.parametrize(
    ("kind", "failure", "said", "blame", "sure"),
    [
        ("revoked", "auth", "says that key 1 is not known (401), and takes key 2: key 1 was revoked or has expired",
         "workflow", True),
        ("auth-down", "auth", "says that key 1 is not known (401), and key 2 as well: it is not about one key",
         "partner", False),
        ("forbidden", "auth", "says that key 1 is known, and may not do that (403), and key 2 as well: "
         "it is not about one key", "partner", False),
        ("unpaid", "quota", "says that key 1 is known, and not paid for (402), and key 2 as well: "
         "it is not about one key", "partner", False),
        ("quota", "quota", "says that the quota is used up: insufficient_quota: the month's quota is used up, "
         "and key 2 as well: it is not about one key", "partner", False),
        ("rate-limited", "rate_limited", "limits requests", "partner", False),
    ],
)  # fmt: skip
async def test_a_second_key_tells_who_is_to_blame(kind: str, failure: str, said: str, blame: str, sure: bool) -> None:
    async with PartnerServer() as server:
        probe = 'key: "${secret:KEY}", second_key: "${secret:SPARE}", partner: calendar'
        assert (await one(server, probe)).state == "up"
        server.faults.set(kind)
        reply = await one(server, probe)
        verdict = judge(reply, partner="calendar")
        assert (reply.failure, str(verdict.blame), not verdict.suspected) == (failure, blame, sure)
        assert reply.sentence.startswith("calendar ") and (said in reply.sentence or kind == "rate-limited")
        assert "first-key" not in str(reply) and "second-key" not in str(reply)


async def test_a_spare_key_that_is_refused_degrades() -> None:
    async with PartnerServer(keys=("first-key",)) as server:
        reply = await one(server, 'key: "${secret:KEY}", second_key: "${secret:SPARE}", partner: calendar')
        assert (reply.state, reply.failure) == ("degraded", "auth")
        assert reply.sentence.endswith("there is no key to fall back on")


async def test_a_key_elsewhere_goes_in_its_own_header() -> None:
    async with PartnerServer() as server:
        key = 'get: /v1/models, header: X-Api-Key, headers: {X-Version: "1"}, key: "${secret:SPARE}"'
        reply = await one(server, f"kind: key, {key}")
        assert reply.state == "up"
        [sent] = (reply.evidence or {})["steps"][0]["requests"]
        assert (sent["request_headers"]["x-api-key"], sent["request_headers"]["x-version"]) == ("[secret]", "1")


@pytest.mark.parametrize(
    ("days", "name", "state", "failure", "said"),
    [
        (60, "localhost", "up", None, ""),
        (3.5, "localhost", "degraded", "expiring", "ends in 3 days, on "),
        (-3.5, "localhost", "down", "unreachable", "the certificate of localhost at 127.0.0.1 expired 3 days ago"),
        (60, "other.example", "down", "unreachable", "the certificate of localhost at 127.0.0.1 is for other.example"),
    ],
)
async def test_a_certificate_says_why_it_is_not_trusted(
    days: float, name: str, state: str, failure: str | None, said: str
) -> None:
    async with PartnerServer() as server:
        port = await server.secure(days, name=name)
        reply = await one(server, f'tls: "wss://localhost:{port}"', ca_file=str(server.ca_file))
        assert (reply.state, reply.failure) == (state, failure) and said in reply.sentence
        learned_end = reply.learned["certificates"][f"localhost:{port}"]
        assert abs(learned_end - SystemClock().now() - int(days * DAY)) < DAY // 100
        assert reply.learned["began"][f"localhost:{port}"] < learned_end


async def test_names_authorities_and_doors_of_a_certificate() -> None:
    async with PartnerServer() as server:
        port = await server.secure(60)
        trusted = {"ca_file": str(server.ca_file)}
        reply = await one(server, f'tls: "localhost:{port}", names: [www.example.com]', **trusted)
        assert reply.sentence == f"the certificate of localhost:{port} is not for www.example.com"
        reply = await one(server, f'tls: "localhost:{port}"')
        assert "whom nobody here knows, or its chain is incomplete" in reply.sentence
        reply = await one(server, f'tls: "localhost:{server.port}"', **trusted)
        assert "does not speak TLS" in reply.sentence
        reply = await one(server, 'tls: "localhost:1"', **trusted)
        assert reply.sentence == "127.0.0.1:1 refused the connection"
        reply = await one(server, f'tls: "elsewhere.invalid:{port}"', **trusted)
        assert (reply.failure, reply.sentence) == ("unreachable", "the name elsewhere.invalid does not exist")


async def test_one_bad_address_of_several_is_named() -> None:
    from probes.target import Target
    from probes.tools.certificate import look
    from probes.tools.resolver import Resolver

    async with PartnerServer() as server:
        port = await server.secure(60)
        await server.secure(-2, address="127.0.0.2", port=port)
        target = Target.of({"url": "https://localhost", "ca_file": str(server.ca_file)})

        class Two(Resolver):
            async def addresses(self, host: str) -> list[tuple[int, str]]:
                return [(2, "127.0.0.1"), (2, "127.0.0.2")]

        good, bad = await look(target, Two(), "localhost", port)
        assert good.failure is None and good.protocol == "TLSv1.3"
        assert bad.trouble == "the certificate of localhost at 127.0.0.2 expired 2 days ago"


RECORDS = {"x.example": {"MX": ["10 mail.x.example"], "A": ["127.0.0.1"], "TXT": ["v=spf1 {0} -all", "y" * 400]}}


async def test_names_are_what_their_servers_say() -> None:
    async with PartnerServer() as server, NameServer(RECORDS) as names:
        at = f'servers: ["{names.address}"]'
        assert (await one(server, f"dns: x.example, record: MX, expect: [10 MAIL.x.example.], {at}")).state == "up"
        reply = await one(server, f"dns: x.example, record: MX, expect: [10 mail.y.example], partner: hoster, {at}")
        assert reply.failure == "contract_changed" and str(judge(reply, partner="hoster").blame) == "partner"
        assert reply.sentence == (
            f"MX of x.example is 10 mail.x.example and not 10 mail.y.example, {names.address} says"
        )  # fmt: skip
        reply = await one(server, f'dns: x.example, record: TXT, expect: ["v=spf1 {{0}} -all"], exact: true, {at}')
        assert "which is not expected" in reply.sentence
        reply = await one(server, f"dns: x.example, least_ttl: 10m, {at}")
        assert (reply.state, reply.values["ttl"]) == ("degraded", 300)
        reply = await one(server, f"dns: gone.example, {at}")
        assert (reply.failure, reply.sentence) == (
            "unreachable", f"{names.address} says that there is no such name: gone.example",
        )  # fmt: skip
        reply = await one(server, f"dns: localhost, answering: {server.port}")
        assert reply.state == "up", "as every program here looks names up"
        assert (await one(server, "dns: localhost, answering: 1")).sentence == "127.0.0.1:1 refused the connection"


@pytest.mark.parametrize(
    ("fault", "failure"),
    [("servfail", "unreachable"), ("refused", "unreachable"), ("garbage", "garbage"), ("circle", "garbage"),
     ("cut", None)],
)  # fmt: skip
async def test_a_name_server_that_misbehaves(fault: str, failure: str | None) -> None:
    async with PartnerServer() as server, NameServer(RECORDS) as names:
        names.fault = fault
        reply = await one(server, f'dns: x.example, record: TXT, servers: ["{names.address}"]')
        assert reply.failure == failure


async def test_an_address_that_was_never_seen_is_a_change_and_one_that_takes_turns_is_none() -> None:
    async with PartnerServer() as server, NameServer(RECORDS) as names:
        probe = f'dns: x.example, servers: ["{names.address}"]'
        job = catalog(server, probe).probes["intake/production/it"].job
        memory: dict[str, Any] = {}
        said = []
        for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2"):
            names.records["x.example"]["A"] = [address]
            reply = await tried(job, memory=memory)
            memory = reply.learned.get("memory", memory)
            said.append(reply.versions["dns"])
        assert said == ["127.0.0.1", "127.0.0.2", "127.0.0.2", "127.0.0.2"]


async def test_headroom_is_a_value_of_any_request() -> None:
    async with PartnerServer() as server:
        probe = "get: /slots, check: [{value: headroom_requests, above: 20%}]"
        assert (await one(server, probe)).values["headroom_requests"] == 0.6
        server.faults.set("nearly-limited")
        reply = await one(server, probe)
        assert reply.sentence == "headroom_requests should be above 20%, got 0.05"
