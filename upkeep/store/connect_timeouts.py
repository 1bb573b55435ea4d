# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a run waits for the databases that it writes to: a server that hangs must not keep it from its end."""

from __future__ import annotations

import typing as t

#: Seconds to wait for a server, and for another run that is writing; a statement may take three
#: times as long.
WAIT_SECONDS: t.Final = 10


def patience(url: t.Any) -> dict[str, t.Any]:
    """Return what keeps the driver of a SQLAlchemy URL from waiting for ever, as ``connect_args``."""
    if url.get_backend_name() == "sqlite":
        return {"timeout": WAIT_SECONDS}
    if url.get_backend_name() == "postgresql":
        limits = f"-c lock_timeout={WAIT_SECONDS}s -c statement_timeout={3 * WAIT_SECONDS}s"
        return {"connect_timeout": WAIT_SECONDS, "options": limits}

    return {}
