# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the project importable from every test, ``ansible.module_utils.upkeep`` included."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

PROJECT = Path(__file__).resolve().parent.parent
if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

import upkeep  # noqa: E402, F401 - importing it makes ansible.module_utils.upkeep known

# How long one example takes says more about the machine than about what is tested.
settings.register_profile("upkeep", deadline=None)
settings.load_profile("upkeep")


@pytest.fixture
def signals_as_at_a_terminal() -> Iterator[None]:
    """Have no signal ignored: a suite under nohup or in the background hands that on."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
