"""Where models are listed, which is what a check without tokens asks for."""

from __future__ import annotations

import pytest

from probes.kinds.canary import _list
from probes.words.dialects import DIALECT_NAMES, below_version, models_path


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_version_in_the_address_is_not_said_twice(name: str) -> None:
    wanted = ("/api/tags", "/api/tags") if name == "ollama" else ("/v1/models", "/models")
    assert (models_path(name, "https://x.example"), models_path(name, "https://x.example/v1")) == wanted


def test_only_the_end_of_an_address_is_its_version() -> None:
    assert below_version("https://x.example/v1/proxy", "/models") == "/v1/models"
    assert below_version("https://x.example/openai/v4", "/models") == "/models"


def test_a_path_of_ones_own_keeps_its_beginning() -> None:
    url = "https://x.example"
    assert _list("openai", {"dialect": "openai"}, url) == "/v1/models"
    assert _list("openai", {"path": "/team/chat/completions?v=2"}, url) == "/team/models"
    assert _list("ollama", {"path": "/box/api/chat"}, url) == "/box/api/tags"
    assert _list("", {"post": "/chat"}, url) == "/", "an endpoint of its own has a front page"
