"""Where a configuration is looked for, and how the files of a folder become one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monitor.config.load import find, load
from monitor.config.secrets import Secrets
from probes.words.errors import ConfigError
from tests.config.test_load import SMALLEST


def lines_of(error: ConfigError) -> list[str]:
    return [str(problem) for problem in error.problems]


def test_it_is_found_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SMALLEST)
    (tmp_path / "showup.yaml").write_text(SMALLEST)
    environ = {"SHOWUP_CONFIG": str(tmp_path / "mine.yaml")}
    assert find(tmp_path / "showup.yaml", environ=environ) == tmp_path / "showup.yaml"
    assert find(None, environ=environ, folder=tmp_path) == tmp_path / "mine.yaml"
    assert find(None, environ={}, folder=tmp_path) == tmp_path / "showup.yaml"


def test_a_folder_counts_when_something_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "showup.d").mkdir()
    with pytest.raises(ConfigError):
        find(None, environ={}, folder=tmp_path)
    (tmp_path / "showup.d" / "a.yaml").write_text(SMALLEST)
    assert find(None, environ={}, folder=tmp_path) == tmp_path / "showup.d"


def test_what_one_may_not_look_at_leads_to_root(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o000)
    user = os.geteuid()
    try:
        os.seteuid(user or 65534)  # root may look at everything
        with pytest.raises(ConfigError) as caught:
            find(tmp_path / "shut" / "showup.yaml")
    finally:
        os.seteuid(user)
    assert lines_of(caught.value) == [
        f"{tmp_path}/shut/showup.yaml: you may not look at this; run it as root: sudo showup …"
    ]


def test_a_service_stands_at_the_root_and_names_whole_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "showup.yaml").write_text("workflows: []\n")
    for here, shown in (("/", str(tmp_path / "showup.yaml")), (str(tmp_path), "showup.yaml")):
        monkeypatch.chdir(here)
        with pytest.raises(ConfigError) as caught:
            load(tmp_path / "showup.yaml")
        assert lines_of(caught.value)[0].startswith(f"{shown}:1:")


def test_what_is_not_there_leads_to_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find(None, environ={}, folder=tmp_path)
    looked = f"looked for {tmp_path}/showup.yaml and /etc/showup/showup.yaml"
    assert lines_of(caught.value) == [f"showup: no configuration found ({looked}); run: showup init"]
    for environ, given in (({}, tmp_path / "no.yaml"), ({"SHOWUP_CONFIG": str(tmp_path / "no.yaml")}, None)):
        with pytest.raises(ConfigError) as caught:
            find(given, environ=environ, folder=tmp_path)
        assert lines_of(caught.value) == [f"{tmp_path}/no.yaml: there is no such file or folder; run: showup init"]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "showup.yaml").write_bytes(b"site: {title: \xff\xfe}")
    with pytest.raises(ConfigError, match=r"showup.yaml:1:1: not UTF-8 text \(byte 14\); save it as UTF-8"):
        load(tmp_path / "showup.yaml", secrets=Secrets({}))
    (tmp_path / "showup.yaml").write_text("#" * 1_000_001)
    with pytest.raises(ConfigError, match="larger than 1 MB; split it into several files in a folder"):
        load(tmp_path / "showup.yaml", secrets=Secrets({}))


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no \*.yaml file in this folder; run: showup init"):
        load(tmp_path, secrets=Secrets({}))


def test_several_files_are_one_configuration(tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text(
        "people: {ana: {name: Ana, phone: 'ntfy:ana'}}\n"
        "policies: {p: {levels: [{notify: ana}]}}\n"
        "monitor: {policy: p}\n"
    )
    (tmp_path / "site.yml").write_text(SMALLEST.replace("{url", "{policy: p, url"))
    (tmp_path / "shop.yaml").write_text(SMALLEST.replace("{url", "{policy: p, url").replace("site:", "shop:"))
    catalog = load(tmp_path, secrets=Secrets({}))
    assert sorted(catalog.probes) == ["shop/production/home", "site/production/home"]
    assert [file.name for file in catalog.files] == ["people.yaml", "shop.yaml", "site.yml"]
    assert catalog.monitor_policy == "p" and catalog.folder == tmp_path


def test_two_files_that_say_the_same_thing_twice_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("site: {title: A}\n" + SMALLEST)
    (tmp_path / "b.yaml").write_text("# B\nsite: {titel: B}\n" + SMALLEST)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, secrets=Secrets({}))
    assert lines_of(caught.value) == [
        f"{tmp_path}/b.yaml:2:1: 'site' stands in {tmp_path}/a.yaml too; keep one of them",
        f"{tmp_path}/b.yaml:3:13: workflows: 'site' stands in {tmp_path}/a.yaml:2 too; keep one of them",
    ]
