# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo fleet: systems to try maintenance on, as systemd containers.

``python -m demo --help`` says more.
"""

from __future__ import annotations

import concurrent.futures as cf

from . import fleet as _fleet
from .containers import answers_ssh


def fleet_hint() -> str | None:
    """Return one line that says how to start the default fleet, None when all of its hosts answer.

    Asks only the ssh ports on loopback, so it needs neither root nor podman and takes at most about
    a second.
    """
    definition = _fleet.load()
    ports = {host.name: host.publish[_fleet.SSH] for host in definition.hosts.values()}

    with cf.ThreadPoolExecutor(max_workers=len(ports)) as pool:
        answers = dict(
            zip(ports, pool.map(lambda port: answers_ssh(port, 0), ports.values()), strict=True)
        )

    silent = [name for name, answered in answers.items() if not answered]
    if not silent:
        return None

    names = ", ".join(silent)
    return f"The demo fleet is not running ({names} silent); start it: python -m demo up"
