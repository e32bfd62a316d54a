"""Secrets: where they come from, in which order, and that nothing shows them."""

from __future__ import annotations

import copy
import pickle
import traceback
from pathlib import Path

import pytest

from monitor.config.load import load
from monitor.config.secrets import Secrets, parse_env
from probes.words.errors import ConfigError

VALUE = "hunter2-hunter2"


def test_a_credential_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    held, folder = tmp_path / "credentials", tmp_path / "config"
    held.mkdir()
    folder.mkdir()
    (held / "A").write_text("from-systemd\n")
    (folder / ".env").write_text("A=file\nB=file\nC=file\n")
    (folder / ".env").chmod(0o600)
    environ = {"CREDENTIALS_DIRECTORY": str(held), "A": "environment", "B": "environment"}
    secrets = Secrets.from_environment(folder, environ)
    assert secrets.need(["A", "B", "C"]) == {"A": "from-systemd", "B": "environment", "C": "file"}
    assert secrets.get("D") is None and secrets.warnings == ()


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o666])
def test_a_file_that_everybody_may_read_is_left_alone(tmp_path: Path, mode: int) -> None:
    (tmp_path / ".env").write_text(f"A={VALUE}\n")
    (tmp_path / ".env").chmod(mode)
    secrets = Secrets.from_environment(tmp_path, {})
    assert secrets.get("A") is None
    assert secrets.warnings == (
        f"{tmp_path}/.env can be read by every user and is not used; run: chmod 600 {tmp_path}/.env",
    )


def test_the_warning_reaches_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    (tmp_path / ".env").write_text(f"A={VALUE}\n")
    (tmp_path / ".env").chmod(0o644)
    (tmp_path / "showup.yaml").write_text(
        "workflows: {site: {url: 'https://x.example', probes: {home: {get: /, check: [{contains: x}]}}}}\n"
    )
    (warning,) = load(tmp_path / "showup.yaml").warnings
    assert "is not used; run: chmod 600" in warning


def test_who_misses_a_secret_is_told_that_the_file_with_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"A={VALUE}\n")
    (tmp_path / ".env").chmod(0o644)
    (tmp_path / "showup.yaml").write_text(
        "workflows: {site: {url: 'https://x.example', auth: {bearer: '${secret:A}'},"
        " probes: {home: {get: /, check: [{contains: x}]}}}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "showup.yaml", secrets=Secrets.from_environment(tmp_path, {}))
    first, second = map(str, caught.value.problems)
    assert "is not used; run: chmod 600" in first
    assert "the secret A is not set" in second


def test_a_file_that_is_no_text_is_said_to_be_unused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    (tmp_path / ".env").chmod(0o600)
    secrets = Secrets.from_environment(tmp_path, {})
    assert secrets.get("A") is None
    assert secrets.warnings == (f"{tmp_path}/.env cannot be read and is not used: not UTF-8 text",)


def test_lines_of_the_file() -> None:
    text = "# note\nA=1\nexport B = two words \nC='three # not a note'\nD=\"four\"\n\nnonsense\nE=\nF=a=b\n"
    assert parse_env(text) == {"A": "1", "B": "two words", "C": "three # not a note", "D": "four", "E": "", "F": "a=b"}


def test_an_empty_secret_is_none_at_all() -> None:
    assert Secrets({"A": ""}).get("A") is None
    with pytest.raises(KeyError, match="A"):
        Secrets({"A": "\n"}).need(["A"])


def test_a_name_never_leads_out_of_the_folder_of_credentials(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text(VALUE)
    (tmp_path / "held").mkdir()
    assert Secrets({}, credentials=tmp_path / "held").get("../outside") is None


def test_nothing_shows_them() -> None:
    secrets = Secrets({"A": VALUE}, file={"B": VALUE})
    assert secrets.need(["A", "B"]) == {"A": VALUE, "B": VALUE}
    shown = [repr(secrets), str(secrets), f"{secrets!r:>40}", f"{secrets}", "%s" % secrets, repr({"s": secrets})]  # noqa: UP031
    assert not any("hunter2" in text for text in shown)
    assert repr(secrets) == "Secrets(2 in use)"
    assert repr(secrets.redactor()) == "Redactor(…)"
    assert not hasattr(secrets, "__dict__")


@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy])
def test_nothing_writes_them(write: object) -> None:
    assert callable(write)
    with pytest.raises(TypeError, match="secrets are never written anywhere"):
        write(Secrets({"A": VALUE}))


def test_no_traceback_shows_them() -> None:
    secrets = Secrets({"A": VALUE})
    try:
        secrets.need(["A", "MISSING"])
    except KeyError as error:
        told = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
        outer = traceback.TracebackException.from_exception(error, capture_locals=True).stack[0]
        assert "MISSING" in told and "hunter2" not in told
        assert outer.locals is not None and "hunter2" not in outer.locals["secrets"]


def test_what_was_looked_up_is_removed_from_text() -> None:
    secrets = Secrets({"A": VALUE, "B": "never-asked-for"})
    secrets.need(["A"])
    assert secrets.redactor().text(f"x {VALUE} y never-asked-for") == "x [secret] y never-asked-for"


def test_a_reload_reads_them_again_and_hides_the_old_ones(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("A=first-value\n")
    env.chmod(0o600)
    secrets = Secrets.from_environment(tmp_path, {})
    assert secrets.get("A") == "first-value"
    env.write_text("A=second-value\n")
    assert secrets.get("A") == "first-value"
    secrets.renew()
    assert secrets.get("A") == "second-value"
    assert secrets.redactor().text("first-value second-value") == "[secret] [secret]"
    env.unlink()
    secrets.renew()
    assert secrets.get("A") is None and secrets.warnings == ()
