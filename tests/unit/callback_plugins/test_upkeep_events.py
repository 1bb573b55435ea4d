# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A signal ends a run whatever becomes of its report; whole runs: tests/contract."""

from __future__ import annotations

import importlib.util
import os
import signal
import types
import typing as t

import pytest

from upkeep import PROJECT


@pytest.fixture
def plugin() -> types.ModuleType:
    """Return the callback plugin as Ansible loads it."""
    path = PROJECT / "playbooks" / "callback_plugins" / "upkeep_events.py"
    spec = importlib.util.spec_from_file_location("upkeep_events", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return module


@pytest.fixture
def callback(plugin: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[t.Any]:
    """Return a callback object that does nothing at the end of this process."""
    monkeypatch.setattr(plugin.atexit, "register", lambda *_: None)
    alarm = signal.getsignal(signal.SIGALRM)
    yield plugin.CallbackModule()
    signal.alarm(0)
    signal.signal(signal.SIGALRM, alarm)


def test_a_report_that_fails_does_not_swallow_the_signal(
    callback: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[int] = []
    callback._handlers = {signal.SIGTERM: lambda number, _: handled.append(number)}

    def fail(_: int) -> t.NoReturn:
        raise RuntimeError("reentrant call")

    monkeypatch.setattr(callback, "_interrupted", fail)
    with pytest.raises(RuntimeError):
        callback._on_signal(signal.SIGTERM, None)

    assert handled == [signal.SIGTERM]


def test_a_report_that_hangs_does_not_keep_the_run_alive(
    plugin: types.ModuleType, callback: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "SECONDS_FOR_REPORT", 1)
    monkeypatch.setattr(callback, "_interrupted", lambda _: signal.pause())
    callback._handlers = {signal.SIGTERM: signal.SIG_DFL}

    assert _end_of(callback, own=True) == signal.SIGALRM


def test_a_worker_that_has_no_handlers_yet_just_ends(callback: t.Any) -> None:
    callback._handlers = {signal.SIGTERM: lambda *_: os._exit(0)}

    assert _end_of(callback, own=False) == signal.SIGTERM


def _end_of(callback: t.Any, *, own: bool) -> int:
    """Return the signal that ends a process after SIGTERM; ``own``: it is the run's main one."""
    child = os.fork()
    if child == 0:
        callback._pid = os.getpid() if own else os.getppid()
        callback._on_signal(signal.SIGTERM, None)
        os._exit(0)

    return os.WTERMSIG(os.waitpid(child, 0)[1])
