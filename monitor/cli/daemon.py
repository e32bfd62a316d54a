"""`showup run`: the keeper in the foreground."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from monitor import app, assembly, log, systemd
from monitor.status.publisher import publisher_loop
from monitor.web import app as web
from probes.words.errors import StoreError


def run_daemon(config: Path | None, state: Path | None) -> int:
    """Serve until told to stop; 0 after a clean end, 3 when it could not start, 1 when a part failed."""
    log.set_up(as_json=not sys.stderr.isatty(), level=os.environ.get("SHOWUP_LOG", "INFO"))
    return asyncio.run(_serve(config, state))


async def _serve(config: Path | None, state: Path | None) -> int:
    keeper = await assembly.build(config, folder=state)
    if problem := web.taken(keeper.catalog.web.listen):
        await keeper.store.close()
        raise StoreError(problem, hint="another showup may be running; write web: {listen: …} with a free port")
    keeper.loops.update(web.loops(keeper))
    keeper.loops["publish"] = lambda: publisher_loop(keeper)
    app.on_signals(keeper)
    await app.serve(keeper, notifier=systemd.from_environment())
    return 0
