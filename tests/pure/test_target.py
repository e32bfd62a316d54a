"""A target: where requests may go, by name and by address, and how they introduce themselves."""

from __future__ import annotations

import base64
import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.addresses import Reach, is_loopback, literal, reach
from probes.target import Target, checked_headers, host_name, locate
from probes.words.errors import Refused


def test_a_target_of_config_with_its_secrets() -> None:
    target = Target.of(
        {
            "url": "https://Intake.Example.com/",
            "allow": ["login.example.com", "LOGIN.example.com."],
            "headers": {"X-Gate": "${secret:GATE}"},
            "auth": {"bearer": "${secret:TOKEN}", "basic": None, "header": None},
            "chat": {"post": "/chat", "send": {"key": "${secret:GATE}"}},
        },
        {"GATE": "open-sesame", "TOKEN": "tok-12345"},
    )
    assert target.allow == ("intake.example.com", "login.example.com")
    assert target.host == "intake.example.com"
    assert target.headers == {"X-Gate": "open-sesame"}
    assert target.credentials == {"Authorization": "Bearer tok-12345"}
    assert target.chat["send"] == {"key": "open-sesame"}
    assert "tok-12345" not in target.redactor.text("a tok-12345 b")


def test_basic_credentials_are_a_secret_of_their_own() -> None:
    target = Target.of(
        {"url": "https://x.example", "auth": {"basic": {"user": "u", "password": "${secret:P}"}}}, {"P": "long word"}
    )
    encoded = base64.b64encode(b"u:long word").decode()
    assert target.credentials == {"Authorization": f"Basic {encoded}"}
    assert encoded in target.secrets
    assert encoded not in target.redactor.text(f"echo {encoded}")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "without https://"),
        ({"url": "x.example"}, "without https://"),
        ({"url": "ftp://x.example"}, "only http and https"),
        ({"url": "https://user:word@x.example"}, "under auth"),
        ({"url": "https://x.example:99999"}, "cannot be read"),
        ({"url": "https://x.example/a b"}, "percent-encode"),
        ({"url": "https://x.example", "alow": []}, "no key 'alow'"),
        ({"url": "https://x.example", "allow": ["https://y.example"]}, "host"),
        ({"url": "https://x.example", "headers": {"X": "${secret:NO}"}}, "the secret NO is not set"),
        ({"url": "https://x.example", "headers": {"X": "a\nb"}}, "line break"),
        ({"url": "https://x.example", "auth": {"token": "x"}}, "auth is one of"),
        ({"url": "https://x.example", "auth": {"bearer": "a", "header": {"X": "b"}}}, "auth is one of"),
        ({"url": "https://x.example", "auth": {"basic": "u:p"}}, "auth basic"),
        ({"url": "https://x.example", "auth": {"bearer": "a\r\nX: b"}}, "line break"),
    ],
)
def test_what_is_wrong_is_said(data: dict[str, object], says: str) -> None:
    with pytest.raises(Refused) as caught:
        Target.of(data)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://x.example", "/health", "https://x.example/health"),
        ("https://x.example/app/", "/health", "https://x.example/app/health"),
        ("https://x.example/app", "health?a=1", "https://x.example/app/health?a=1"),
        ("https://x.example/app", "?a=1", "https://x.example/app?a=1"),
        ("https://x.example", "", "https://x.example"),
        ("https://x.example", "https://y.example/z", "https://y.example/z"),
        ("https://x.example", "/go?to=https://evil.example", "https://x.example/go?to=https://evil.example"),
        ("https://x.example", "/go#https://evil.example", "https://x.example/go#https://evil.example"),
    ],
)
def test_joining(base: str, path: str, url: str) -> None:
    assert Target.of({"url": base, "allow": ["y.example"]}).join(path) == url


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example/", "/\\evil.example", "/a\nb", "/a b", "http:///x"]
)
def test_joining_refuses(path: str) -> None:
    with pytest.raises(Refused):
        Target.of({"url": "https://x.example"}).join(path)


@given(st.text(max_size=60))
def test_whatever_is_joined_stays_within_the_target(path: str) -> None:
    target = Target.of({"url": "https://x.example/app", "allow": ["y.example"]})
    try:
        place = locate(target.join(path))
    except Refused:
        return
    assert place.host in ("x.example", "y.example")
    assert place.path.isascii() and place.path.isprintable() and " " not in place.path


@given(st.text(alphabet="ahtp:/.@\\?#[]%0123456789xé。①\t", max_size=40))
def test_what_was_checked_is_what_is_connected_to(rest: str) -> None:
    try:
        place = locate("http://" + rest)
    except Refused:
        return
    again = urlsplit(place.url)
    assert (again.hostname, again.scheme) == (place.host, "http")
    assert locate(place.url) == place
    assert place.host.isascii() and "@" not in again.netloc


def test_the_parts_of_an_address() -> None:
    place = locate("https://Grün.example:8443/ä?q=ö&r=%20#part")
    assert (place.scheme, place.host, place.port) == ("https", "xn--grn-ioa.example", 8443)
    assert place.path == "/%C3%A4?q=%C3%B6&r=%20"
    assert place.netloc == "xn--grn-ioa.example:8443"
    assert locate("http://[::1]:80").netloc == "[::1]"
    assert locate("https://x.example").url == "https://x.example/"


@pytest.mark.parametrize("host", ["", ".", "a b", "a/b", "a@b", "a%2e", "::", "a:b", "\ud800", "x" * 300])
def test_no_host(host: str) -> None:
    if host == "::":
        assert host_name(host) == "::"
        return
    with pytest.raises(Refused):
        host_name(host)


# addresses


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("93.184.216.34", Reach.PUBLIC),
        ("2606:4700::1111", Reach.PUBLIC),
        ("64:ff9b::5db8:d822", Reach.PUBLIC),  # what name servers of an IPv6-only network make of public IPv4
        ("127.0.0.1", Reach.PRIVATE),
        ("10.0.0.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("172.31.255.255", Reach.PRIVATE),
        ("172.32.0.1", Reach.PUBLIC),
        ("192.168.1.1", Reach.PRIVATE),
        ("192.0.0.1", Reach.PRIVATE),
        ("198.18.0.1", Reach.PRIVATE),
        ("224.0.0.1", Reach.PRIVATE),
        ("255.255.255.255", Reach.PRIVATE),
        ("0.0.0.0", Reach.PRIVATE),
        ("::", Reach.PRIVATE),
        ("::1", Reach.PRIVATE),
        ("fc00::1", Reach.PRIVATE),
        ("ff02::1", Reach.PRIVATE),
        ("::ffff:10.0.0.1", Reach.PRIVATE),
        ("::10.0.0.1", Reach.PRIVATE),
        ("64:ff9b::10.0.0.1", Reach.PRIVATE),
        ("2002:5db8:d822::1", Reach.PRIVATE),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Reach.PRIVATE),
        ("169.254.169.254", Reach.NEVER),
        ("169.254.0.1", Reach.NEVER),
        ("fe80::1", Reach.NEVER),
        ("fe80::1%eth0", Reach.NEVER),
        ("fd00:ec2::254", Reach.NEVER),
        ("::ffff:169.254.169.254", Reach.NEVER),
        ("64:ff9b::169.254.169.254", Reach.NEVER),
        ("2002:a9fe:a9fe::", Reach.NEVER),
        ("not an address", Reach.NEVER),
        ("127.1", Reach.NEVER),
    ],
)
def test_kinds_of_addresses(address: str, kind: Reach) -> None:
    assert reach(address) is kind


@given(st.ip_addresses())
def test_every_address_is_of_one_kind_and_none_inside_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    kind = reach(str(address))
    if not address.is_global or address.is_multicast:
        assert kind is not Reach.PUBLIC or address in ipaddress.ip_network("64:ff9b::/96")
    if address.is_link_local:
        assert kind is Reach.NEVER


@given(st.ip_addresses(v=4))
def test_ipv4_in_ipv6_is_judged_at_least_as_strictly(address: ipaddress.IPv4Address) -> None:
    order = [Reach.PUBLIC, Reach.PRIVATE, Reach.NEVER]
    plain = order.index(reach(str(address)))
    number = int(address)
    for wrapped in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
        assert order.index(reach(str(ipaddress.IPv6Address(wrapped)))) >= plain


@pytest.mark.parametrize(
    ("url", "host", "address", "admitted"),
    [
        ("http://localhost:1", "localhost", "127.0.0.1", True),
        ("http://localhost:1", "localhost", "::1", True),
        ("http://localhost:1", "localhost", "10.0.0.1", False),  # someone's /etc/hosts lies
        ("http://127.0.0.1:1", "127.0.0.1", "127.0.0.1", True),
        ("http://10.0.0.7", "10.0.0.7", "10.0.0.7", True),
        ("http://10.0.0.7", "10.0.0.8", "10.0.0.8", False),
        ("https://x.example", "x.example", "93.184.216.34", True),
        ("https://x.example", "x.example", "10.0.0.7", False),
        ("http://169.254.169.254", "169.254.169.254", "169.254.169.254", False),
    ],
)
def test_who_is_admitted_where(url: str, host: str, address: str, admitted: bool) -> None:
    assert Target.of({"url": url}).admits(host, address) is admitted


def test_small_questions() -> None:
    assert literal("[::1]") == ipaddress.ip_address("::1")
    assert literal("localhost") is None
    assert is_loopback("127.8.8.8") and is_loopback("::ffff:127.0.0.1") and not is_loopback("10.0.0.1")


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=20), max_size=3))
def test_headers_that_pass_can_be_sent(headers: dict[str, str]) -> None:
    try:
        passed = checked_headers(headers)
    except Refused:
        return
    for name, value in passed.items():
        line = f"{name}: {value}".encode()
        assert b"\r" not in line and b"\n" not in line and b"\0" not in line
        assert name.isascii() and ":" not in name and " " not in name
