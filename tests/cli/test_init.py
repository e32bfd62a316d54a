"""A first configuration: a few lines, tried at once, and nothing that was there is lost."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cli.init import Answers, read_phone, read_url, run_init, yaml_of
from monitor.config.load import load, load_text
from probes.words.errors import Refused
from tests.cli.target import Workflow, workflow


@pytest.fixture(name="target")
def _target() -> Iterator[Workflow]:
    with workflow() as served:
        yield served


def start(folder: Path, target: Workflow, words: str = "Book online") -> int:
    return run_init(folder, url=f"{target.url}/home?a=1", phone="ntfy:my-phone-x7", promise="It books: #1", words=words)


def test_it_writes_tries_and_says_what_comes_next(
    target: Workflow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    assert start(folder, target) == 0
    said = capsys.readouterr().out
    assert "passed: every check held." in said
    assert f"showup run -c {folder / 'showup.yaml'}" in said
    assert "sudo showup install" in said and "showup notify me --test" in said
    assert target.asked == 1
    assert len((folder / "showup.yaml").read_text().splitlines()) <= 15
    assert (folder / ".env").read_text() == "PHONE=my-phone-x7\n"
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert (folder / "journeys").is_dir()


def test_what_it_wrote_pages_a_person_by_phone(target: Workflow, tmp_path: Path) -> None:
    start(tmp_path, target)
    catalog = load(tmp_path / "showup.yaml")
    (flow,) = catalog.workflows.values()
    assert flow.promise == "It books: #1"
    assert catalog.book.people["me"].phone == ("ntfy:${secret:PHONE}",)
    assert catalog.book.policies[flow.policy].levels[0].notify == ("me",)
    assert "my-phone-x7" not in (tmp_path / "showup.yaml").read_text()


def test_a_workflow_that_fails_its_first_try_is_told_and_the_files_stay(
    target: Workflow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(tmp_path, target, words="something else") == 1
    assert '✗ reply should contain "something else"' in capsys.readouterr().out
    assert (tmp_path / "showup.yaml").exists()


@pytest.mark.parametrize("name", ["showup.yaml", ".env"])
def test_what_is_there_is_never_written_over(target: Workflow, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine\n")
    with pytest.raises(Refused, match="is there already"):
        start(tmp_path, target)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine\n"


def test_without_an_address_and_nobody_to_ask_it_says_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(Refused) as refused:
        run_init(tmp_path / "new", url="", phone="", promise="", words="")
    assert refused.value.hint == "write --url"
    assert not (tmp_path / "new").exists()


def test_a_suggested_topic_cannot_be_guessed(
    target: Workflow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topics = set()
    for name in ("a", "b"):
        run_init(tmp_path / name, url=target.url, phone="", promise="p", words="")
        topics.add((tmp_path / name / ".env").read_text())
    assert len(topics) == 2
    assert all(len(topic.strip()) >= len("PHONE=showup-") + 16 for topic in topics)
    assert "subscribe to showup-" in capsys.readouterr().out


@given(st.text(max_size=100), st.text(max_size=60))
def test_whatever_is_answered_the_file_holds(promise: str, words: str) -> None:
    from monitor.cli.paper import plain

    text = yaml_of(Answers("https://x.example", "/a?b=c", "t", "", plain(promise), plain(words)))
    catalog = load_text(text, secrets={"PHONE": "t"})
    assert next(iter(catalog.workflows.values())).promise == plain(promise)
    assert len(text.splitlines()) <= 15


def test_a_server_of_ones_own_is_written_down() -> None:
    server, topic = read_phone("https://ntfy.example.com/night")
    text = yaml_of(Answers("https://x.example", "/", topic, server, "p", ""))
    spec = load_text(text, secrets={"PHONE": topic}).book.channels["ntfy"]
    assert json.loads(spec.model_dump_json())["url"] == "https://ntfy.example.com"


@pytest.mark.parametrize("text", ["", "ftp://x.example", "https://", "https://ana:pw@x.example", "http://x:notaport"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read_url(text)


@pytest.mark.parametrize("text", ["", "+49 170 1234567", "a/b", "x" * 65, "ünsafe"])
def test_what_is_no_topic_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read_phone(text)


def test_a_bare_host_is_taken_with_https_and_ones_own_machine_without() -> None:
    assert read_url("intake.example.com/chat") == ("https://intake.example.com", "/chat")
    assert read_url("localhost:8000/chat") == ("http://localhost:8000", "/chat")
    assert read_url("127.0.0.1:8000") == ("http://127.0.0.1:8000", "/")


def test_a_bad_answer_is_told_and_asked_for_again(
    target: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(f"ftp://x\n{target.url}\n+49 170\nnight-x7\n\nn\n"))
    assert run_init(tmp_path, url="", phone="", promise="", words="") == 0
    said = capsys.readouterr().out
    assert "ftp://x is no address; write https://intake.example.com\n" in said
    assert "'+49 170' is no ntfy topic; write showup-x7k2, or https://ntfy.example.com/topic\n" in said
    assert (tmp_path / ".env").read_text() == "PHONE=night-x7\n"
    assert '"127.0.0.1 answers"' in (tmp_path / "showup.yaml").read_text()
