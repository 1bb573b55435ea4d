# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who uses a fleet: nobody else may change it meanwhile.

A fleet belongs to the machine, not to a checkout, so the lock is beside neither. The kernel gives
it back when its holder ends, however that happens.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import typing as t
from pathlib import Path

from .errors import DemoError

#: Tells the commands that a holder starts that they work for it: ``FLEET:PROCESS``.
VARIABLE: t.Final = "UPKEEP_FLEET_LEASE"


def folder() -> Path:
    """Return where this user's fleets have their locks."""
    user = os.getuid()
    if user == 0:
        return Path("/run/upkeep-demo")

    own = Path(f"/run/user/{user}")

    return own / "upkeep-demo" if own.is_dir() else Path(tempfile.gettempdir()) / f"upkeep-{user}"


@contextlib.contextmanager
def held(fleet: str, purpose: str) -> t.Iterator[None]:
    """Hold a fleet for this process and the commands that it starts.

    Raises DemoError while another one holds it, and OSError.
    """
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder() / f"{fleet}.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder, _, its_purpose = file.read().partition(" ")
            if os.environ.get(VARIABLE) == f"{fleet}:{holder}":
                yield  # on behalf of the holder
                return
            raise DemoError(
                f"the fleet {fleet} is in use by process {holder or '?'} ({its_purpose or '?'});"
                " wait for its end, or start one of your own with --fleet NAME"
            ) from None

        file.truncate(0)
        file.write(f"{os.getpid()} {purpose}")
        file.flush()
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = f"{fleet}:{os.getpid()}"
        try:
            yield
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before
