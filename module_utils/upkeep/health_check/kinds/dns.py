# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``dns``: does this host resolve a name, and to the addresses it should have?"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterator

from ...findings import Finding
from .. import latency
from ..check import Check, CheckError, Deadline, Kind, always, milliseconds


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield what the name resolves to, asked as every program of this host asks (hosts file, resolver, cache)."""
    name, wanted = (
        check.options["host"],
        {str(ipaddress.ip_address(a)) for a in check.options["addresses"]},
    )
    started = time.monotonic()
    answers = socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)
    took = milliseconds(started)
    found = {str(address[0]).partition("%")[0] for *_rest, address in answers}
    missing = wanted - found
    shown = ", ".join(sorted(found))
    yield check.finding(
        "critical" if missing else "ok",
        f"{name} resolves to {shown}"
        + (f", not to {', '.join(sorted(missing))}" if missing else ""),
        observed=shown,
        expected=", ".join(sorted(wanted)) or None,
    )
    if check.options["latency"] and not missing:
        yield latency.judge_latency(check, [took])


def _place(check: Check) -> str:
    return str(check.options["host"])


def _validate(check: Check) -> None:
    latency.validate(check)
    if check.options["latency"] and check.options["latency"]["samples"] != 1:
        raise CheckError(
            "latency.samples: a second answer would come from a cache, so one is taken"
        )

    for address in check.options["addresses"]:
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise CheckError(f"addresses: {error}") from error


KIND = Kind(
    options={
        "host": {"type": "str", "required": True},
        "addresses": {"type": "list", "elements": "str", "default": []},
        "latency": {"type": "dict", "options": latency.OPTIONS},
    },
    probe=probe,
    network=True,
    place=_place,
    names=latency.names,
    validate=_validate,
    waits=always,
)
