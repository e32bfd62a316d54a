"""Templates of pages; the one place where Jinja is configured: all is escaped, nothing undefined is printed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@lru_cache(1)
def environment() -> Environment:
    """The one environment, made at its first use."""
    return Environment(
        loader=PackageLoader("templates", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(name: str, **given: Any) -> str:
    """A template filled in."""
    return environment().get_template(name).render(**given)
