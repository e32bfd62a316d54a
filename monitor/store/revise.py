"""For developers: `python -m monitor.store.revise WHAT` writes the migration from the newest revision to the tables as
they are now.

`--again` writes the newest revision anew, for as long as it is in no release. Read what it wrote before you commit it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sqlalchemy import create_engine

from monitor.store.migrate import HOME, VERSIONS, revisions
from probes.words.names import slug


def revise(what: str, *, again: bool = False) -> str:
    """Write the next revision (or the newest one again) from what the tables became; returns its number."""
    from alembic import command
    from alembic.config import Config

    if again:
        newest = next(VERSIONS.glob(f"{revisions()[-1]}_*.py"))
        what = what or newest.stem.partition("_")[2]
        newest.unlink()
    number = f"{len(revisions()) + 1:04}"
    config = Config()
    config.set_main_option("script_location", HOME)
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    with create_engine("sqlite://").begin() as connection:
        config.attributes["connection"] = connection
        if revisions():
            command.upgrade(config, "head")
        command.revision(config, slug(what).replace("-", " "), autogenerate=True, rev_id=number)
    return number


def main(arguments: Sequence[str]) -> None:
    """The command line: words that say what changed, and `--again`."""
    revise(" ".join(word for word in arguments if word != "--again"), again="--again" in arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
