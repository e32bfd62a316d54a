"""Where requests may go, what goes along with them, and what of it may be seen afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest

from probes.target import Target
from probes.tools import Trouble
from probes.tools.http import Http
from probes.tools.resolver import Resolver
from probes.words.failure import Failure
from tests.wire.raw import Client, RawServer, answer

TOKEN = "sk-live-0123456789abcdef"


class PhoneBook(Resolver):
    """Names with the addresses they have today; each look-up takes the next list, and the last one stays."""

    def __init__(self, names: Mapping[str, list[list[str]]]) -> None:
        super().__init__(threads=1)
        self.names = {name: list(days) for name, days in names.items()}
        self.asked: list[str] = []

    async def addresses(self, host: str) -> list[tuple[int, str]]:
        self.asked.append(host)
        days = self.names[host]
        today = days.pop(0) if len(days) > 1 else days[0]
        return [(10 if ":" in text else 2, text) for text in today]


async def get(
    url: str, *, path: str = "/", names: Mapping[str, list[list[str]]] | None = None, **data: object
) -> tuple[int, str]:
    """Status and text of one GET for a target at `url`."""
    target = Target.of({"url": url, **data})
    async with Http(target, resolver=PhoneBook(names or {})) as http:
        found = await http.request("GET", path, timeout=2)
    return found.status, found.text


def redirect(to: str, status: str = "302 Found") -> bytes:
    return answer(b"", status=status, headers=f"Location: {to}")


# addresses


@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "10.1.2.3", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "0.0.0.0"])
async def test_a_public_name_that_leads_inside_is_refused_before_a_connection(inside: str) -> None:
    async with RawServer(answer("inside")) as sentinel:
        with pytest.raises(Trouble) as caught:
            await get(f"http://public.example:{sentinel.port}", names={"public.example": [[inside]]})
        assert sentinel.came == 0
    assert (caught.value.failure, caught.value.phase) == (Failure.UNREACHABLE, "dns")
    assert "allow_private: true" in caught.value.sentence


async def test_one_address_inside_among_public_ones_refuses_them_all() -> None:
    async with RawServer(answer("inside")) as sentinel:
        with pytest.raises(Trouble, match="private address"):
            await get(
                f"http://public.example:{sentinel.port}", names={"public.example": [["93.184.216.34", "127.0.0.1"]]}
            )
        assert sentinel.came == 0


async def test_a_private_address_is_reached_when_config_says_so() -> None:
    names = {"staging.example": [["127.0.0.1"]]}
    async with RawServer(answer("inside")) as server:
        url = f"http://staging.example:{server.port}"
        assert await get(url, names=names, allow_private=True) == (200, "inside")
    assert f"Host: staging.example:{server.port}\r\n" in server.heads[0]


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "fe80::1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "100.100.100.200",
        "::169.254.169.254",
    ],
)
async def test_metadata_is_never_reached_whatever_config_says(address: str) -> None:
    with pytest.raises(Trouble, match="where no probe may go"):
        await get("http://meta.example", names={"meta.example": [[address]]}, allow_private=True)
    literal = f"[{address}]" if ":" in address else address
    with pytest.raises(Trouble, match="where no probe may go"):
        await get(f"http://{literal}", allow_private=True)


async def test_the_checked_address_is_the_one_connected_to() -> None:
    """A name that changes its address between the check and the connection (rebinding) gains nothing by it."""
    async with RawServer(answer("inside")) as sentinel:
        book = PhoneBook({"rebound.example": [["127.0.0.1"], ["169.254.169.254"]]})
        target = Target.of({"url": f"http://rebound.example:{sentinel.port}", "allow_private": True})
        async with Http(target, resolver=book) as http:
            assert (await http.request("GET", "/", timeout=2)).status == 200
            assert book.asked == ["rebound.example"]
            with pytest.raises(Trouble, match="where no probe may go"):
                await http.request("GET", "/", timeout=2)
        assert sentinel.came == 1


# names and addresses in disguise: each of these is 127.0.0.1 to some parser

DISGUISES = [
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "127.000.000.001",
    "localhost.",
    "LOCALHOST",
    "localhost.localdomain",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "loc𝒶lhost",
    "[::1]",
    "[::]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[fe80::1%25lo]",
    "0.0.0.0",
    "0",
    "127.0.0.1%00.public.example",
    "public.example@127.0.0.1",
    "127.0.0.1\\@public.example",
    "public.example#@127.0.0.1",
    "public.example:80@127.0.0.1",
]


@pytest.mark.parametrize("host", DISGUISES)
@pytest.mark.parametrize("how", ["path", "redirect"])
async def test_no_disguise_gets_inside(host: str, how: str) -> None:
    async with RawServer(answer("inside")) as sentinel:
        evil = f"http://{host}:{sentinel.port}/"
        # the target itself is a name that leads here by its own permission; the sentinel is not part of it
        async with RawServer(redirect(evil)) as door:
            target = Target.of({"url": f"http://public.example:{door.port}", "allow_private": True})
            book = PhoneBook({"public.example": [["127.0.0.1"]], "localhost": [["127.0.0.1"]]})
            async with Http(target, resolver=book) as http:
                with pytest.raises(Trouble) as caught:
                    found = await http.request("GET", evil if how == "path" else "/", timeout=2)
                    # what was read as another path on the same host went to that host
                    raise Trouble(Failure.WRONG if found.text == "inside" else Failure.REFUSED)
        assert sentinel.came == 0
    assert caught.value.failure in (Failure.PROBE_BUG, Failure.CONTRACT_CHANGED, Failure.UNREACHABLE, Failure.GARBAGE)


BROKEN = [
    "file:///etc/passwd",
    "gopher://127.0.0.1/x",
    "ftp://public.example/",
    "//public.example/",
    "https:///nowhere",
    "http://public.example/a b",
    "http://public.example:99999/",
    "http://public.example:x/",
    "http://[::1/",
    "http:// public.example/",
]


@pytest.mark.parametrize("url", [*BROKEN, "http://public.example\r\nHost: x/"])
async def test_a_path_cannot_be_another_scheme_or_a_broken_address(url: str) -> None:
    async with RawServer(answer()) as door, Client(door.url, deadline=2) as http:
        with pytest.raises(Trouble) as caught:
            await http.request("GET", url)
    assert (caught.value.failure, door.came) == (Failure.PROBE_BUG, 0)


@pytest.mark.parametrize("url", [*BROKEN, "javascript:alert(1)", "data:text/plain,hello", "http://\u2100.example/"])
async def test_a_redirect_cannot_either(url: str) -> None:
    async with RawServer(redirect(url)) as door, Client(door.url, deadline=2) as http:
        with pytest.raises(Trouble) as caught:
            await http.request("GET", "/")
    assert caught.value.failure is Failure.CONTRACT_CHANGED
    assert door.came == 1


# redirects


async def test_redirects_within_the_target_are_followed_and_recorded() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = server.heads[-1].split()[1]
        writer.write(redirect("../b?x=1#part") if path == "/a/" else answer(f"at {path}"))

    async with RawServer(talk) as server:
        client = Client(server.url)
        async with client as http:
            found = await http.request("GET", "/a/")
    assert (found.text, found.url) == ("at /b?x=1", f"{server.url}/b?x=1")
    assert [exchange.evidence()["status"] for exchange in client.recorded] == [302, 200]


@pytest.mark.parametrize(
    ("status", "method", "kept"),
    [
        ("301 Moved", "GET", False),
        ("302 Found", "GET", False),
        ("303 See Other", "GET", False),
        ("307 Temporary", "POST", True),
        ("308 Permanent", "POST", True),
    ],
)
async def test_what_becomes_of_a_post(status: str, method: str, kept: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(redirect("/there", status) if server.came == 1 else answer())

    async with RawServer(talk) as server, Client(server.url) as http:
        await http.request("POST", "/", json={"a": 1})
    assert server.heads[1].startswith(f"{method} /there ")
    assert (server.bodies[1] == b'{"a":1}') is kept
    assert ("Content-Type: application/json" in server.heads[1]) is kept


async def test_redirects_can_be_left_alone() -> None:
    async with RawServer(redirect("/there")) as server, Client(server.url) as http:
        found = await http.request("GET", "/", follow=False)
    assert (found.status, found.headers["location"], server.came) == (302, "/there", 1)


async def test_a_circle_of_redirects_ends() -> None:
    async with RawServer(redirect("/again")) as server, Client(server.url) as http:
        with pytest.raises(Trouble, match="for ever") as caught:
            await http.request("GET", "/")
    assert (caught.value.failure, server.came) == (Failure.APP_ERROR, 6)


async def test_a_redirect_that_leaves_the_target_is_refused_with_what_to_write() -> None:
    async with RawServer(answer("elsewhere")) as elsewhere:
        async with RawServer(redirect(f"http://localhost:{elsewhere.port}/")) as door:
            with pytest.raises(Trouble, match=r"write allow: \[localhost\]") as caught:
                await get(door.url)
        assert elsewhere.came == 0
    assert caught.value.failure is Failure.CONTRACT_CHANGED


async def test_an_allowed_host_gets_no_credentials_of_the_other() -> None:
    async with RawServer(answer("welcome")) as other:
        leave = redirect(f"http://localhost:{other.port}/in", "307 Temporary")
        async with RawServer(
            answer(b"", status="307 T", headers=leave.decode().split("\r\n")[1] + "\nSet-Cookie: s=1")
        ) as door:
            client = Client(door.url, allow=["localhost"], auth={"bearer": TOKEN}, headers={"X-Gate": "open-sesame"})
            async with client as http:
                own = {"Cookie": "mine=1", "Authorization-Extra": "stays", "Authorization": "Bearer other-one"}
                found = await http.request("GET", "/", headers=own)
    assert found.text == "welcome"
    assert "Bearer other-one" in door.heads[0] and "X-Gate: open-sesame" in door.heads[0]
    head = other.heads[0]
    assert TOKEN not in head and "open-sesame" not in head and "other-one" not in head
    assert "Cookie" not in head
    assert "Authorization-Extra: stays" in head


# headers


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\x7f"])
async def test_no_header_can_be_smuggled(value: str) -> None:
    async with RawServer(answer()) as server, Client(server.url) as http:
        with pytest.raises(Trouble, match="line break") as caught:
            await http.request("GET", "/", headers={"X-Name": value})
    assert (caught.value.failure, server.came) == (Failure.PROBE_BUG, 0)


@pytest.mark.parametrize("name", ["X Name", "X:Name", "", "X-Näme", "X\r\n", "Content-Length", "transfer-encoding"])
async def test_no_header_has_a_strange_name_or_one_of_ours(name: str) -> None:
    async with RawServer(answer()) as server, Client(server.url) as http:
        with pytest.raises(Trouble) as caught:
            await http.request("GET", "/", headers={name: "x"})
    assert (caught.value.failure, server.came) == (Failure.PROBE_BUG, 0)


@pytest.mark.parametrize("path", ["/a\r\nX: y", "/a b", "/a\0", "/\\evil.example", "/a\tb"])
async def test_no_path_can_break_out_of_its_line(path: str) -> None:
    async with RawServer(answer()) as server, Client(server.url) as http:
        with pytest.raises(Trouble) as caught:
            await http.request("GET", path)
    assert (caught.value.failure, server.came) == (Failure.PROBE_BUG, 0)


async def test_parameters_are_encoded() -> None:
    async with RawServer(answer()) as server, Client(server.url) as http:
        await http.request("GET", "/x", params={"q": "a&b=c\r\nd#e/f?ü"})
    assert server.heads[0].split()[1] == "/x?q=a%26b%3Dc%0D%0Ad%23e%2Ff%3F%C3%BC"


async def test_characters_beyond_ascii_travel_encoded() -> None:
    async with RawServer(answer()) as server, Client(server.url) as http:
        await http.request("GET", "/grün?ö=%20", headers={"X-Name": "grün"})
    assert server.heads[0].split()[1] == "/gr%C3%BCn?%C3%B6=%20"


# secrets


async def test_no_secret_is_in_the_record_or_in_a_sentence() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = server.heads[-1] + server.bodies[-1].decode()
        basic = next(line for line in said.split("\r\n") if line.startswith("Authorization")).split()[-1]
        writer.write(
            answer(
                f"{said} and {TOKEN} " * 20,
                status="302 Found",
                headers=f"X-Echo: {basic} {TOKEN}\nSet-Cookie: id={TOKEN}\nLocation: https://evil.example/{TOKEN}?b={basic}",
            )
        )

    async with RawServer(echo) as server:
        client = Client(
            server.url,
            secrets={"TOKEN": TOKEN, "WORD": "pass word/+"},
            auth={"basic": {"user": "showup", "password": "${secret:WORD}"}},
            headers={"X-Api-Key": "${secret:TOKEN}", "X-Plain": "plain ${secret:TOKEN}"},
        )
        with pytest.raises(Trouble) as caught:
            async with client as http:
                await http.request("POST", "/in", params={"key": TOKEN}, json={"token": TOKEN})
    record = json.dumps([exchange.evidence() for exchange in client.recorded]) + caught.value.sentence
    basic = "c2hvd3VwOnBhc3Mgd29yZC8r"
    assert TOKEN in server.heads[0] and basic in server.heads[0]
    for secret in (TOKEN, "pass word/+", basic):
        assert secret not in record
    assert "[secret]" in record and "evil.example" in caught.value.sentence


async def test_no_half_of_a_secret_is_left_at_the_edge_of_an_excerpt() -> None:
    long = "S3CRET-" + "x" * 900
    for shift in range(0, 40, 3):
        body = "." * (1_990 - shift) + long * 4
        async with RawServer(answer(body)) as server:
            client = Client(server.url, secrets={"LONG": long})
            async with client as http:
                await http.request("GET", "/")
        shown = client.recorded[0].evidence()["response"]
        assert "S3CRET" not in shown and len(shown) <= 2_000


async def test_a_record_is_small_and_clean_whatever_came() -> None:
    headers = "\n".join(f"X-{number}: {'v' * 900}" for number in range(60))
    body = "\x1b[31mred\x07 \u202eright-to-left\u200b <script> " * 5_000
    async with RawServer(answer(body, headers=headers)) as server:
        client = Client(server.url)
        async with client as http:
            await http.request("POST", "/" + "p" * 5_000, content="b" * 100_000)
    record = client.recorded[0].evidence()
    text = json.dumps(record, ensure_ascii=False)
    assert len(text) < 25_000
    assert not any(character in text for character in "\x1b\x07\u202e\u200b")
