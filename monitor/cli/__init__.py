"""The command line. Heavy modules are imported inside commands, so that help and completion answer at once."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run a command; every expected error is a sentence and an exit code, never a traceback.

    0 done · 1 the answer is no (a check failed, no-go) · 2 the configuration or the call is wrong · 3 the daemon or
    store refused.
    """
    from monitor.cli.commands import app
    from probes.words.errors import ConfigError, Refused, ShowupError
    from probes.words.text import for_terminal

    try:
        app(prog_name="showup")
    except ConfigError as error:
        for problem in error.problems:
            print(for_terminal(str(problem)), file=sys.stderr)
        raise SystemExit(2) from None
    except Refused as error:
        _say(error)
        raise SystemExit(2) from None
    except ShowupError as error:
        _say(error)
        raise SystemExit(3) from None
    except BrokenPipeError:
        raise SystemExit(0) from None
    except Exception as error:  # the outermost: a person is owed a sentence, and whoever mends showup the rest
        if os.environ.get("SHOWUP_LOG") == "DEBUG":
            raise
        _say_bug(error)
        raise SystemExit(3) from None


def _say_bug(error: Exception) -> None:
    from probes.words.text import for_log

    said = for_log(f"{type(error).__name__}: {error}", 200)
    print(f"showup itself failed: {said}; run it with SHOWUP_LOG=DEBUG for the whole story", file=sys.stderr)


def _say(error: Exception) -> None:
    from probes.words.text import for_terminal

    hint = getattr(error, "hint", "")
    print(for_terminal(f"showup: {error}" + (f"; {hint}" if hint else "")), file=sys.stderr)
