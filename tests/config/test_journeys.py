"""Python probes: found in a child process, checked like those in YAML, told with file and line."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.config import scripts
from monitor.config.load import load
from monitor.config.secrets import Secrets
from probes.words.errors import ConfigError

YAML = "workflows: {site: {url: 'https://x.example', probes: {home: {get: /, check: [{contains: x}]}}}}\n"
PROBE = '''\
from probes import probe, Context


@probe(workflow="site", every="5m")
async def opens_the_door(ctx: Context) -> None:
    """The door opens."""
    async with ctx.step("open", budget="1s"):
        ctx.check(await ctx.http.get("/")).contains("open")
'''


def put(folder: Path, script: str, *, name: str = "door.py", yaml: str = YAML) -> Path:
    (folder / "journeys").mkdir(exist_ok=True)
    (folder / "journeys" / name).write_text(script)
    (folder / "showup.yaml").write_text(yaml)
    return folder / "showup.yaml"


def told(place: Path, **secrets: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(place, secrets=Secrets(secrets))
    return [str(problem) for problem in caught.value.problems]


def test_it_is_found_beside_the_file(tmp_path: Path) -> None:
    catalog = load(put(tmp_path, PROBE), secrets=Secrets({}))
    probe = catalog.probes["site/production/opens-the-door"]
    assert (probe.kind, probe.title, probe.every) == ("script", "The door opens.", timedelta(minutes=5))
    assert probe.job["function"] == "opens_the_door"
    assert probe.job["file"] == str(tmp_path / "journeys" / "door.py")
    assert probe.place == "journeys/door.py:5:1"


def test_it_says_what_it_costs(tmp_path: Path) -> None:
    said = PROBE.replace('every="5m"', 'every="5m", costs={"tokens": 900, "usd": 0.002, "records": 0}')
    probe = load(put(tmp_path, said), secrets=Secrets({})).probes["site/production/opens-the-door"]
    assert probe.costs.amounts == {"tokens": 900, "usd": 0.002, "records": 0}


def test_no_file_of_a_user_is_imported_here(tmp_path: Path) -> None:
    load(put(tmp_path, PROBE + "\nimport fractions, this\n"), secrets=Secrets({}))
    assert "this" not in sys.modules
    assert not any(
        getattr(module, "__file__", None) == str(tmp_path / "journeys" / "door.py")
        for module in list(sys.modules.values())
    )


def test_defaults_hold_for_scripts_too(tmp_path: Path) -> None:
    place = put(tmp_path, PROBE.replace(', every="5m"', ""), yaml="defaults: {every: 10m, attempts: 2}\n" + YAML)
    probe = load(place, secrets=Secrets({})).probes["site/production/opens-the-door"]
    assert (probe.every, probe.attempts) == (timedelta(minutes=10), 2)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("async with", "async wiht", "7:11: not Python: invalid syntax; mend the line"),
        ("from probes", "1 / 0\nfrom probes", "1:1: loading the file failed: "),
        ('"5m"', '"soon"', "5:1: @probe(every='soon'): not a duration; write 30s, 5m or 1h30m"),
        ("every=", "evry=", "4:1: "),
        ('"site"', '"sight"', "5:1: there is no workflow 'sight'; did you mean workflow=\"site\"?"),
        ("opens_the_door", "home", "5:1: site has a probe 'home' at "),
        ('"5m"', '"5m", policy="wake"', "5:1: 'wake' is not among policies; add it under policies:"),
        ('"5m"', '"5m", was="home"', "5:1: home is still there, at "),
        ('"5m"', '"1m", timeout="1m"', "5:1: the longest run of opens-the-door (3 x 1m + waits 18s + "),
        ('every="5m"', 'cron="99 * * * *"', "5:1: '99 * * * *' is not a cron expression (bad minute); "),
        ('"/")', 'ctx.secret("KEY"))', "5:1: the secret KEY is not set; set KEY in the environment"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    (said,) = told(put(tmp_path, PROBE.replace(old, new)))
    assert said.startswith(f"journeys/door.py:{line}")
    assert "Traceback" not in said


def test_two_files_with_a_probe_of_one_name(tmp_path: Path) -> None:
    put(tmp_path, PROBE)
    (said,) = told(put(tmp_path, "# another\n" + PROBE, name="gate.py"))
    there = "site has a probe 'opens-the-door' at journeys/door.py:5:1 too"
    assert said == f"journeys/gate.py:6:1: {there}; give one of them another name"


def test_problems_of_both_languages_stand_together(tmp_path: Path) -> None:
    said = told(put(tmp_path, PROBE.replace('"site"', '"shop"'), yaml="sight: {}\n" + YAML))
    assert len(said) == 2
    assert said[0].endswith("showup.yaml:1:1: unknown key 'sight'; did you mean site?")
    assert said[1].startswith("journeys/door.py:5:1: there is no workflow 'shop'")


def test_files_are_named_by_a_pattern(tmp_path: Path) -> None:
    place = put(tmp_path, PROBE, yaml="journeys: probes-*/*.py\n" + YAML)
    assert told(place)[0].endswith("showup.yaml:1:11: no file matches; write a pattern such as journeys/*.py")
    (tmp_path / "probes-of-ours").mkdir()
    (tmp_path / "probes-of-ours" / "door.py").write_text(PROBE)
    assert "site/production/opens-the-door" in load(place, secrets=Secrets({})).probes


@pytest.mark.parametrize("written", ['""', "/etc/*.py", "'**x'", '"a\\0b"', "[.]", "../*.yaml"])
def test_a_pattern_that_is_none_is_told(tmp_path: Path, written: str) -> None:
    (said,) = told(put(tmp_path, PROBE, yaml=f"journeys: {written}\n" + YAML))
    assert ":1:11: " in said


def test_an_empty_list_means_no_files(tmp_path: Path) -> None:
    assert list(load(put(tmp_path, PROBE, yaml="journeys: []\n" + YAML), secrets=Secrets({})).probes) == [
        "site/production/home"
    ]


def test_a_file_that_never_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "SECONDS", 2.0)
    (said,) = told(put(tmp_path, "import time\ntime.sleep(60)\n"))
    assert said == (
        "journeys/door.py:1:1: importing the probes takes longer than 2 s; move slow work into the probe itself"
    )


def test_a_file_that_ends_the_process_is_told(tmp_path: Path) -> None:
    (said,) = told(put(tmp_path, "import os\nos._exit(3)\n"))
    assert said.startswith("journeys/door.py:1:1: the probes cannot be imported: ")


def test_what_a_file_prints_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    catalog = load(put(tmp_path, "print('{\"found\": []}')\n" + PROBE), secrets=Secrets({}))
    assert "site/production/opens-the-door" in catalog.probes
