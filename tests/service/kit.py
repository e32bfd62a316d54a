"""What the tests of the service share: a configuration whose page goes to a local webhook."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "systemd"
KEY = "the-key-of-the-hook"


def config_text(hook: str, ntfy: str = "http://127.0.0.1:9") -> str:
    """A whole configuration: one probe, and a policy that reaches a person and a webhook."""
    return f"""
monitor: {{policy: wake-us}}
defaults: {{policy: wake-us}}
channels:
  ntfy: {{url: "{ntfy}"}}
  webhook: {{endpoints: {{ops: {{url: "{hook}", sign: "${{secret:HOOK}}"}}}}}}
people:
  first: {{name: First Responder, phone: ["ntfy:${{secret:FIRST}}"]}}
policies:
  wake-us: {{levels: [{{at: 0m, notify: ["webhook:ops", first]}}], fallback: first}}
workflows:
  site: {{url: "http://127.0.0.1:9", probes: {{home: {{get: /, check: [{{contains: Book online}}]}}}}}}
"""


def program(module: str, *words: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one of our modules as systemd does: isolated, with nothing in the environment but what is given."""
    command = [sys.executable, "-I", "-m", module, *words]
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return subprocess.run(
        command, env={"PATH": path, **environ}, cwd="/", capture_output=True, text=True, check=False, timeout=60
    )
