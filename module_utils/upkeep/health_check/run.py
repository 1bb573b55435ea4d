# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one call: carry out all checks of a host and return what they found."""

from __future__ import annotations

from ..findings import Finding, finding
from .debounce import remembers, softened
from .scheduler import run_all
from .settings import Settings


def run(settings: Settings, *, check_mode: bool = False) -> list[Finding]:
    """Return the findings in the order of the checks; check mode leaves the state as it is."""
    checks = settings.checks
    if not checks:
        return [finding("health:checks", "info", "there is nothing to check on this host")]

    if not any(map(remembers, checks)):
        return softened(checks, run_all(checks, settings.timeout, settings.workers).findings)

    # Python compiles this anew in every run on a host: only where it is of use.
    from .state import StateSession

    session = StateSession(settings.state_file, settings.run)
    observed = run_all(session.with_memories(checks), settings.timeout, settings.workers)

    return session.apply_state(checks, observed, write=not check_mode)
