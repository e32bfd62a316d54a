"""The hosts that there are: started, watched, ended when they stand still, and replaced."""

from __future__ import annotations

import asyncio
import signal
from typing import Protocol

import structlog

from monitor.engine.hosts_facts import Asked, Phase, Recipe, Stats
from monitor.engine.hosts_process import HostProcess
from monitor.engine.hosts_verdict import of_host
from probes.board import Sight
from probes.frames import Reply
from probes.processes import bearing, kill

log = structlog.get_logger("showup.hosts")

TICK = 0.05  # seconds between looks at the hosts
STALLED = 1.0  # seconds without a beat after which a host is ended
LAST_WORDS = 0.3  # seconds it has to write down where it stands
STARTING = 20.0  # seconds a host may take to come up
SETTLED = 10.0  # seconds after which a host that came up counts as well
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0  # seconds before another try to start a host
RETIRING = 60.0  # seconds that a host which gets no more to do has to finish what it does
CLOSING = 3.0  # seconds hosts have to end by themselves
GRUMBLES = 5.0  # seconds between two log lines of what hosts write to their standard error
ROLES = ("shared", "script")


class Listener(Protocol):
    """Whoever the hosts work for."""

    def answered(self, asked: Asked, reply: Reply) -> None: ...
    def gave_back(self, asked: Asked) -> None: ...
    def became_ready(self) -> None: ...


class Fleet:
    """The shared hosts, and the parent of scripts once `need_scripts` was called.

    Whoever waits for a host that stands still goes to another one. Where there would be no other, one is kept to spare.
    """

    def __init__(self, recipe: Recipe, wanted: int, listener: Listener) -> None:
        self._recipe, self._listener = recipe, listener
        self._wanted = {"shared": wanted, "script": 0}
        self._failures = dict.fromkeys(ROLES, 0)  # in a row
        self._start_at = dict.fromkeys(ROLES, 0.0)
        self._ticked = self._grumbled = 0.0
        self.hosts: list[HostProcess] = []
        self.settled = asyncio.Event()  # as many as wanted are ready, or it is clear that they cannot be started
        self.reason = "none was started"
        self.restarts = self.stalls = 0

    def open(self) -> None:
        """Start the shared hosts."""
        self._ticked = asyncio.get_running_loop().time()
        for _ in range(self._wanted["shared"]):
            self._begin("shared")
        if not self._wanted["shared"]:
            self.settled.set()

    def need_scripts(self) -> None:
        """Start the parent of scripts, the first time that it is asked for."""
        if not self._wanted["script"]:
            self._wanted["script"] = 1
            self._begin("script")

    def ready(self, role: str) -> list[HostProcess]:
        """The hosts of a role that take requests, a spare last."""
        return [host for host in self.hosts if host.role == role and host.phase is Phase.READY]

    def choose(self, role: str) -> HostProcess | None:
        """The one with the least to do of those that beat; a spare only when none of the others does."""
        there = self.ready(role)
        serving = there[: self._wanted[role]]
        sound = [host for host in serving if not host.is_dubious] or [host for host in there if not host.is_dubious]
        return min(sound or serving, key=lambda host: len(host.asked), default=None)

    def is_hopeless(self, role: str) -> bool:
        """True when no host of this role serves and starting one failed more than once."""
        return self._failures[role] > 1

    # -- what hosts say

    def became_ready(self, host: HostProcess) -> None:
        """A host is warm."""
        if len(self.ready("shared")) >= self._wanted["shared"]:
            self.settled.set()
        self._listener.became_ready()

    def answered(self, asked: Asked, reply: Reply) -> None:
        """A reply came."""
        self._listener.answered(asked, reply)

    def gave_back(self, asked: Asked) -> None:
        """A host noticed that we took this one back, after we saw that it had begun."""
        self._listener.gave_back(asked)

    def hung_up(self, host: HostProcess, why: str) -> None:
        """A host closed its end, or said what no host says."""
        if host.phase is not Phase.ENDING:
            if why:
                host.signal(signal.SIGKILL)
            self._lose(host, why)

    def grumbled(self, host: HostProcess, text: str) -> None:
        """A host wrote to its standard error; a little of that is worth a line."""
        now = asyncio.get_running_loop().time()
        if host.phase is Phase.READY and now - self._grumbled > GRUMBLES:
            self._grumbled = now
            log.warning("a probe host complains", role=host.role, text=text[:500])

    # -- looking after them

    def tick(self, now: float) -> None:
        """Look at each; `now` is loop time. What we did not see in time proves nothing: a keeper that was held up
        itself counts no more than two looks."""
        elapsed = min(now - self._ticked, 2 * TICK)
        self._ticked = now
        for host in list(self.hosts):
            if host.phase is Phase.ENDING:
                self._see_off(host, now)
            else:
                self._look(host, now, host.look(elapsed))
        self._fill(now)

    def _look(self, host: HostProcess, now: float, sight: Sight) -> None:
        if host.silent and host.has_exited():
            self._lose(host, "")
        elif host.phase is Phase.STARTING:
            if now - host.since > STARTING:
                host.signal(signal.SIGKILL)
                self._lose(host, f"it was not ready after {STARTING:g} s")
        elif host.silent >= STALLED and host.stood_still() >= STALLED:
            self.stalls += 1
            host.stalled = True
            host.signal(signal.SIGABRT)
            self._lose(host, "it stood still")
        elif host.phase is Phase.RETIRING:
            if not host.asked or now - host.since > RETIRING:
                host.signal(signal.SIGKILL)  # what does not end in it cannot be ended in any other way
                self._lose(host, "an attempt in it did not end")
        elif host.is_dubious:
            if any(not other.is_dubious for other in self.ready(host.role)):
                self._take_back(host)
        elif sight.overdue:
            host.phase, host.since = Phase.RETIRING, now
        elif now - host.since > SETTLED:
            self._failures[host.role] = 0

    def _take_back(self, host: HostProcess) -> None:
        for asked in host.take_back():
            self._listener.gave_back(asked)

    def _lose(self, host: HostProcess, why: str) -> None:
        """A host serves no more. What it had not begun goes elsewhere now; the rest waits for what it leaves behind."""
        role, came_up = host.role, host.phase is not Phase.STARTING
        host.phase, host.why, host.since = Phase.ENDING, why, asyncio.get_running_loop().time()
        if came_up:
            self.restarts += 1
        if not came_up or not host.stalled:
            self._count_failure(role, host.since)
        self._take_back(host)

    def _count_failure(self, role: str, now: float) -> None:
        """The first is made good at once, then with growing pauses."""
        self._failures[role] += 1
        again = self._failures[role] - 2
        self._start_at[role] = now + (min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(again, 10)) if again >= 0 else 0.0)
        if self.is_hopeless(role):
            self.settled.set()

    def _see_off(self, host: HostProcess, now: float) -> None:
        if not host.has_exited():
            if now - host.since > LAST_WORDS:
                host.signal(signal.SIGKILL)
            return
        how = host.how_it_ended()
        self.reason = f"{host.why}; {how}" if host.why else how
        current = host.board.read().current
        crashed = host.stalled or host.ended_by not in (0, signal.SIGKILL, signal.SIGTERM)
        culprit = current if crashed else 0
        log.error(
            "a probe host ended", role=host.role, pid=host.pid, reason=self.reason, in_flight=len(host.asked),
            failures=self._failures[host.role], stack=host.errors[-1_500:] if crashed else "",
        )  # fmt: skip
        self.hosts.remove(host)
        for asked in host.bury():
            is_culprit = asked.number == culprit
            asked.answer(of_host(asked, is_culprit, reason=self.reason, dump=host.errors, stalled=host.stalled))
        if host.role == "script":
            self._sweep()

    def _fill(self, now: float) -> None:
        """Start what is missing, one after another: a spare comes last, when all others are ready."""
        for role in ROLES:
            wanted = self._wanted[role] + (1 if role == "shared" and self._wanted[role] == 1 else 0)
            is_coming = any(host.role == role and host.phase is Phase.STARTING for host in self.hosts)
            if not is_coming and len(self.ready(role)) < wanted and now >= self._start_at[role]:
                self._begin(role)

    def _begin(self, role: str) -> None:
        try:
            self.hosts.append(HostProcess(role, self._recipe, self))
        except OSError as error:
            self.reason = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
            self._count_failure(role, asyncio.get_running_loop().time())
            times = self._failures[role]
            log.error("a probe host cannot be started", role=role, reason=self.reason, failures=times)

    def _sweep(self) -> None:
        """Kill what the parent of scripts could not: all that carries our mark and is no host of ours."""
        hosts = {host.pid for host in self.hosts}
        for pid in bearing(self._recipe.mark):
            if pid not in hosts:
                kill(pid)

    async def close(self) -> list[Asked]:
        """End every host and whatever it left; returns what was not answered."""
        for host in self.hosts:
            host.hang_up()
        for _ in range(int(CLOSING / 0.01)):
            if all(host.has_exited() for host in self.hosts):
                break
            await asyncio.sleep(0.01)
        left: list[Asked] = []
        for host in self.hosts:
            host.signal(signal.SIGKILL)
            left += host.bury()
        self.hosts = []
        self._sweep()
        return left

    def stats(self) -> list[Stats]:
        """How each host is that takes attempts."""
        return [host.stats() for host in self.hosts if host.phase is Phase.READY]
