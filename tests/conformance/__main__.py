"""`make conformance`: every fault in every dialect, and hostile targets; `name value aim`, 1 when short."""

from __future__ import annotations

import argparse

from tests.conformance.page import PAGE, SOURCES, Page, source


def main() -> int:
    """Read the command line, measure, and write the page when asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    names = {name.rpartition(".")[2]: name for name in SOURCES}
    parser.add_argument("only", nargs="*", choices=[*names, []], metavar="PART", help=", ".join(names))
    parser.add_argument("--write", action="store_true", help=f"make docs/{PAGE.name} of it, and what stands elsewhere")
    given = parser.parse_args()
    page, short = Page(), False
    for name in [names[one] for one in given.only] or SOURCES:
        for figure in source(name)(page):
            short |= figure.is_short
            print(figure.line(), flush=True)
    if given.write:
        page.write_elsewhere() if given.only else page.write()
    return int(short)


if __name__ == "__main__":
    raise SystemExit(main())
