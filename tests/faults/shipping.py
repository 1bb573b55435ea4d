# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The faults of shipping: what goes wrong with a release or a model, and which test plays it.

``FAULTS`` is the one list of them. The tests of this folder plant those of its parts ``release``
and ``model``; the others are played where the machinery that they need is.
"""

from __future__ import annotations

import errno
import os
import threading
import typing as t
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.base.systemd import SystemdError

PROJECT: t.Final = Path(__file__).parents[2]
RELEASE: t.Final = "release"
MODEL: t.Final = "model"
_DEPLOY: t.Final = "molecule/predictor_deploy/tests/test_predictor_deploy.py"
_UPDATE: t.Final = "molecule/model_update/tests/test_model_update.py"
_CANDIDATE: t.Final = "tests/unit/upkeep/actions/test_model_update.py"

#: Name of the fault -> the part that plants it, or ``file::test`` elsewhere.
FAULTS: t.Final[dict[str, str]] = {
    # Before anything that serves is touched.
    "the tests of the release fail": f"{_DEPLOY}::test_a_failed_gate_leaves_what_serves",
    "a wheel has another hash": f"{_DEPLOY}::test_a_bad_release_never_serves",
    "a wheel is not there": RELEASE,
    "the archive has another hash": RELEASE,
    "the archive is cut short": RELEASE,
    "the archive is damaged": RELEASE,
    "the archive leads out of the release": RELEASE,
    "the archive has no code": RELEASE,
    "the code cannot be compiled": RELEASE,
    "the disk is too small": RELEASE,
    "the disk is full while it is unpacked": RELEASE,
    "a folder is in the place of the link": RELEASE,
    "systemd refuses to start it": RELEASE,
    "it cannot be imported": RELEASE,
    "it starts too slowly": RELEASE,
    "it answers errors": RELEASE,
    "it predicts otherwise": RELEASE,
    # While it serves.
    "it ends after its start": RELEASE,
    "it writes errors into its log": RELEASE,
    "it is slower than before": RELEASE,
    "systemd refuses the restart": RELEASE,
    # The run ends.
    "the run is killed at a moment": RELEASE,
    "the run is killed at any change": RELEASE,
    "any change fails": RELEASE,
    "the module is killed on a host": f"{_DEPLOY}::test_the_host_goes_back_by_itself_when_nobody"
    "_confirms",
    # Candidates that never reach what serves.
    "a pickle would run something": f"{_CANDIDATE}::test_what_could_run_something_is_refused",
    "a pickle would run something on a host": f"{_UPDATE}::test_a_pickle_that_runs_something_never"
    "_reaches_the_host",
    "the candidate is another file": f"{_CANDIDATE}::test_only_the_file_that_was_asked_for_counts",
    "the candidate has no signature": f"{_CANDIDATE}::test_a_signature_counts_for_the_very_bytes",
    "the candidate has another hash": MODEL,
    "the candidate is cut short": MODEL,
    "its metadata cannot be read": MODEL,
    "nobody approved what serves": MODEL,
    "the candidate misses its limit": MODEL,
    "the candidate is worse than what serves": MODEL,
    "the candidate warns when it is loaded": MODEL,
    "the candidate cannot predict": MODEL,
    "the service user cannot read it": MODEL,
    "the disk is full beside the model": MODEL,
    # Candidates that are taken back.
    "the service ends with it": MODEL,
    "the service answers errors with it": MODEL,
    "the service is slow with it": MODEL,
    "the service names another model": MODEL,
    "systemd refuses the restart with it": MODEL,
    "the update is killed at a moment": MODEL,
    "the update is killed at any change": MODEL,
    "any change of an update fails": MODEL,
    "the disk is full at any copy of an update": MODEL,
    "the update is killed on a host": f"{_UPDATE}::test_the_host_goes_back_by_itself_when_nobody"
    "_confirms",
}


def names_of(part: str) -> set[str]:
    """Return the faults that a part plants."""
    return {name for name, where in FAULTS.items() if where == part}


class Stopped:
    """A run in a thread that stands still for good: nothing is tidied up, as after SIGKILL."""


#: What ``Calls.run`` returns for a run that was stopped.
STOPPED: t.Final = Stopped()
#: Changes to the disk, and orders to systemd.
_CHANGES: t.Final = ("mkdir", "rename", "rmdir", "symlink", "unlink", "fsync")
_ORDERS: t.Final = ("start", "stop", "restart", "enable", "disable", "reload_files")
_LONGEST: t.Final = 120.0


class Calls:
    """Counts the changes that a run makes, and lets one of them fail or be the last one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._chosen = 0
        self._fails = False
        self._victim: threading.Thread | None = None
        self._pid = os.getpid()
        self._nested = False
        self._still = threading.Event()
        for name in _CHANGES:
            full = OSError(errno.ENOSPC, "No space left on device")
            monkeypatch.setattr(os, name, self._counted(getattr(os, name), full))
        for name in _ORDERS:
            refusal = SystemdError(f"systemctl cannot {name}: out of luck")
            monkeypatch.setattr(systemd, name, self._counted(getattr(systemd, name), refusal))

    def run(self, work: Callable[[], t.Any], chosen: int = 0, *, fails: bool = False) -> t.Any:
        """Return what the work returns, STOPPED when it ended at the chosen change.

        With ``fails`` the chosen change raises an error instead. Errors of the work are raised.
        """
        answers: list[t.Any] = []
        over = threading.Event()

        def body() -> None:
            try:
                answers.append(work())
            except Exception as error:
                answers.append(error)
            over.set()

        self.count, self._chosen, self._fails = 0, chosen, fails
        self._still = over
        self._victim = threading.Thread(target=body, daemon=True)
        self._victim.start()
        assert over.wait(_LONGEST), "the run did not end"
        self._victim = None

        if not answers:
            return STOPPED
        if isinstance(answers[0], Exception):
            raise answers[0]

        return answers[0]

    def stop_here(self) -> None:
        """End the run at this point; to be called by what it calls."""
        self._still.set()
        threading.Event().wait()

    def _counted(self, real: Callable[..., t.Any], error: Exception) -> Callable[..., t.Any]:
        @wraps(real)
        def counted(*args: t.Any, **named: t.Any) -> t.Any:
            mine = threading.current_thread() is self._victim and os.getpid() == self._pid
            # What systemd does itself goes on when the run ends.
            if not mine or self._nested:
                return real(*args, **named)

            self.count += 1
            if self.count == self._chosen:
                if self._fails:
                    raise error
                self.stop_here()
            self._nested = True
            try:
                return real(*args, **named)
            finally:
                self._nested = False

        return counted


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return what counts the changes; to be asked for after what stands in for systemd."""
    return Calls(monkeypatch)
