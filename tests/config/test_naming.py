"""What people type for a probe, and what is meant."""

from __future__ import annotations

import pytest

from monitor.config.naming import probe_id
from probes.words.errors import Refused

IDS = ("intake/production/books", "intake/production/home", "intake/staging/books", "site/production/home")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("books", "intake/production/books"),
        ("intake/books", "intake/production/books"),
        ("intake/home", "intake/production/home"),
        ("site/home", "site/production/home"),
        ("intake/staging/books", "intake/staging/books"),
        ("staging/books", "intake/staging/books"),
    ],
)
def test_a_probe_is_named_in_full_or_as_short_as_it_is_plain(typed: str, meant: str) -> None:
    assert probe_id(typed, IDS) == meant


def test_a_workflow_and_its_probe_are_enough_in_another_environment_too() -> None:
    assert probe_id("intake/books", IDS, environment="staging") == "intake/staging/books"


def test_a_name_that_two_probes_have_is_asked_about() -> None:
    with pytest.raises(Refused, match="several probes"):
        probe_id("home", IDS)
