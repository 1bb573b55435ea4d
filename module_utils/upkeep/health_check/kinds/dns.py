# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``dns``: does this host resolve a name, and to the addresses it should have?"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterator

from ...base.deadline import Deadline
from ...base.options import option
from ...findings import Finding
from .. import latency
from ..check import Check, CheckError, milliseconds
from ..clients.tcp import validate_host
from ..kind import NEVER, OTHERWISE, Kind, Row, always


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield what the name resolves to, as every program of this host would resolve it."""
    name = check.options["host"]
    expected = {str(ipaddress.ip_address(address)) for address in check.options["addresses"]}
    started = time.monotonic()
    answers = socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)
    took = milliseconds(started)

    found = {str(address[0]).partition("%")[0] for *_rest, address in answers}
    missing = expected - found
    listed = ", ".join(sorted(found))
    lacks = f", not to {', '.join(sorted(missing))}" if missing else ""
    yield check.finding(
        "critical" if missing else "ok",
        f"{name} resolves to {listed}{lacks}",
        observed=listed,
        expected=", ".join(sorted(expected)) or None,
    )

    if check.options["latency"] and not missing:
        yield latency.judge_latency(check, [took])


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    addresses = check.options["addresses"]
    target = f" to {', '.join(addresses)}" if addresses else ""
    yield Row(check.id, f"`{_place(check)}` resolves{target}", NEVER, OTHERWISE)
    yield from latency.describe(check)


def _place(check: Check) -> str:
    return str(check.options["host"])


def _validate(check: Check) -> None:
    validate_host(check.options["host"])
    latency.validate(check)
    if check.options["latency"] and check.options["latency"]["samples"] != 1:
        raise CheckError("latency.samples: further answers would come from a cache, so use 1")

    for address in check.options["addresses"]:
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise CheckError(f"addresses: {error}") from error


KIND = Kind(
    description="does a name resolve, to the right addresses",
    gives="`dns:NAME`, `.latency`",
    options={
        "host": option("str", "The name to resolve.", required=True),
        "addresses": option(
            "list", "Addresses that must be among the answers.", elements="str", default=[]
        ),
        "latency": latency.latency_option(),
    },
    probe=probe,
    describe=describe,
    network=True,
    outside=True,
    place=_place,
    names=latency.names,
    validate=_validate,
    only_waits=always,
)
