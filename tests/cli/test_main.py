"""The command as a user runs it: exit codes, one line for each problem, never a traceback, and a quick start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.target import configure

HEAVY = {"sqlmodel", "sqlalchemy", "httpx", "slack_sdk", "pagerduty", "apscheduler", "pydantic", "alembic", "aiohttp"}
MAIN = "from monitor.cli import main; main()"


def showup(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with a state folder of its own and no configuration from outside."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("SHOWUP_")}
    environ |= {"SHOWUP_STATE": str(folder / "state"), "HOME": str(folder)}
    command = [sys.executable, "-c", MAIN, *words]
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env=environ,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_bad_yaml_is_2_with_a_line_for_each_problem(tmp_path: Path) -> None:
    (tmp_path / "showup.yaml").write_text("workflows:\n  intake:\n    ur: x\n    probes: {home: {gett: /}}\n")
    done = showup("validate", folder=tmp_path)
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert len(lines) >= 2
    assert all(line.startswith("showup.yaml:") for line in lines)


def test_yaml_that_is_none_is_2_too(tmp_path: Path) -> None:
    (tmp_path / "showup.yaml").write_text("workflows: [\x1b]31m\n")
    done = showup("validate", folder=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr


def test_no_configuration_at_all_says_what_to_run(tmp_path: Path) -> None:
    done = showup("validate", "-c", "nowhere.yaml", folder=tmp_path)
    assert (done.returncode, done.stderr) == (2, "nowhere.yaml: there is no such file or folder; run: showup init\n")


def test_an_unknown_probe_is_2_with_the_nearest(tmp_path: Path) -> None:
    configure(tmp_path, "http://127.0.0.1:9")
    done = showup("test", "hom", folder=tmp_path)
    assert (done.returncode, done.stderr) == (2, "showup: there is no probe hom; did you mean home?\n")


def test_an_unknown_option_is_2(tmp_path: Path) -> None:
    done = showup("validate", "--colour", folder=tmp_path)
    assert done.returncode == 2
    assert "No such option: --colour" in done.stderr


def test_what_showup_itself_does_wrong_is_3_and_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from monitor.cli import commands, main

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a \x1b[31mpart\nfell off")

    monkeypatch.setattr(commands, "app", broken)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 3
    assert said.startswith("showup itself failed: RuntimeError: a [31mpart fell off; ")
    assert len(said.splitlines()) == 1


def test_help_needs_no_heavy_library(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['showup', '--help']\nfrom monitor.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n@', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    shown, _, loaded = done.stdout.rpartition("\n@")
    assert "preflight" in shown
    assert HEAVY & set(loaded.split()) == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(tmp_path: Path, shell: str) -> None:
    environ = {
        **os.environ,
        "_SHOWUP_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "showup pre",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": "showup pre",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", MAIN], capture_output=True, text=True, env=environ, timeout=60, check=False
    )
    assert "preflight" in done.stdout
