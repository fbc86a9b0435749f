"""Keeps the processes of one installation alive and stops them in the reverse order of their start.

A process that dies is started again at once (an orderly laboratory does not stop because one
process was killed); one that dies five times within a minute ends the run with a clear message.
When this process itself is killed, the kernel ends the children.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Self

from dentatool.operations.cluster.account import Account, becoming
from dentatool.project.console import Failure

_STOP_S = 20.0
_DEATHS, _WITHIN_S = 5, 60.0
_LOOK_S = 0.25


@dataclass
class _Child:
    name: str
    start: Callable[[], None]
    stop: Callable[[], None]
    process: Callable[[], "subprocess.Popen[bytes] | None"]
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=_DEATHS))


class Supervisor:
    """`with Supervisor(say) as s: s.add(…); return s.watch()`; leaving the block stops all children."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._children: list[_Child] = []

    def __enter__(self) -> Self:
        # SIGINT too: a shell's background job inherits it ignored.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._interrupted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the database's farewell
        for child in reversed(self._children):
            child.stop()
        if self._children and kind is None:
            self._tell("DentaTool ist beendet; alle Daten sind gespeichert.")

    @staticmethod
    def _interrupted(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def add(
        self,
        name: str,
        start: Callable[[], None],
        stop: Callable[[], None],
        process: Callable[[], "subprocess.Popen[bytes] | None"],
    ) -> None:
        """Start something and keep it alive."""
        self._children.append(_Child(name, start, stop, process))
        start()

    def add_process(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        """Start a program in a process group of its own and keep it alive."""
        group = _Group(command, environment)
        self.add(name, group.start, group.stop, lambda: group.process)

    def require_all_alive(self) -> None:
        """For the time of the start: a child that ends now will not get better by trying again."""
        for child in self._children:
            if (process := child.process()) is not None and process.poll() is not None:
                raise Failure(f"{child.name} ist beim Start beendet worden (Code {process.returncode}).")

    def watch(self) -> int:
        """Until Ctrl-C or SIGTERM: look after the children. Returns the exit code of the run."""
        try:
            while True:
                time.sleep(_LOOK_S)
                for child in self._children:
                    self._revive(child)
        except KeyboardInterrupt:
            self._tell("\nDentaTool wird beendet …")
            return 0

    def _revive(self, child: _Child) -> None:
        process = child.process()
        if process is None or process.poll() is None:
            return
        child.deaths.append(time.monotonic())
        if len(child.deaths) == _DEATHS and child.deaths[-1] - child.deaths[0] < _WITHIN_S:
            raise Failure(f"{child.name} ist {_DEATHS}-mal in einer Minute abgebrochen (Code {process.returncode}).")
        self._tell(f"{child.name} ist abgebrochen (Code {process.returncode}) und wird neu gestartet.")
        child.stop()
        child.start()


class _Group:
    """A program with its own children, started and ended together."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._command, self._environment = command, environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=becoming(Account(os.geteuid(), os.getegid()), ends_with_us=signal.SIGTERM),
        )

    def stop(self) -> None:
        """Ask politely, then end whatever is left of the group (a killed parent leaves orphans)."""
        assert self.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.terminate()
            self.process.wait(_STOP_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
