"""The command line. Heavy modules are imported inside commands, so that help and completion answer at once."""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command; every expected error is a sentence and an exit code, never a traceback.

    0 done · 1 the answer is no (a check failed, no-go) · 2 the configuration or the call is wrong · 3 the daemon or
    store refused.
    """
    from monitor.cli.commands import app
    from probes.words.errors import ConfigError, Refused, ShowupError

    try:
        app(prog_name="showup")
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        raise SystemExit(2) from None
    except Refused as error:
        _say(error)
        raise SystemExit(2) from None
    except ShowupError as error:
        _say(error)
        raise SystemExit(3) from None
    except BrokenPipeError:
        raise SystemExit(0) from None


def _say(error: Exception) -> None:
    hint = getattr(error, "hint", "")
    print(f"showup: {error}" + (f"; {hint}" if hint else ""), file=sys.stderr)
