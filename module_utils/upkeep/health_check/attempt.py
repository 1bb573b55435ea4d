# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One attempt at one check: whatever happens becomes a finding, and no finding shows a secret."""

from __future__ import annotations

import errno
import http.client
import math
import socket
import ssl
import typing as t
from collections.abc import Iterator

from ..base.deadline import Deadline
from ..base.text import limit_text, visible
from ..findings import Finding
from .check import Check, ProbeError
from .kinds import KINDS

#: Characters of a finding, however much a service says.
LONGEST_MESSAGE: t.Final = 4000
LONGEST_OBSERVED: t.Final = 500
_MASK: t.Final = "********"
#: Errors that say nothing about the service: no right, no resources, a wrong address.
_OURS: t.Final = frozenset(
    (
        errno.EACCES,
        errno.EPERM,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EPROTOTYPE,
        errno.ENAMETOOLONG,
    )
)
_CERTIFICATE_EXPIRED: t.Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_REASONS: t.Final = {
    errno.ECONNREFUSED: "the connection is refused, is the service running?",
    errno.ECONNRESET: "the connection was cut by the other side",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ENETUNREACH: "the network cannot be reached",
}


def observe(check: Check) -> Iterator[dict[str, t.Any]]:
    """Yield the findings of one attempt as they come, and what the check keeps for the next run.

    Never raises.
    """
    secrets = KINDS[check.kind].secrets(check.options)

    for output in _outputs(check):
        yield cleaned(output, secrets) if "check" in output else output


def _outputs(check: Check) -> Iterator[dict[str, t.Any]]:
    kind = KINDS[check.kind]
    try:
        yield from kind.probe(check, Deadline(check.timeout))
    except ProbeError as error:
        yield check.finding(error.status, error.message + _notes(error), observed=error.observed)
    except TimeoutError as error:
        yield timed_out(check, _notes(error))
    except OSError as error:
        # The numbers of TLS errors are not those of the system.
        ours = error.errno in _OURS and not isinstance(error, ssl.SSLError)
        status = "critical" if kind.network and not ours else "unknown"
        yield check.finding(status, _with_place(check, explain(error) + _notes(error)))
    except Exception as error:  # a defect of ours is "unknown" and does not end the other checks
        yield check.finding("unknown", f"the probe failed: {type(error).__name__}: {error}")


def _notes(error: Exception) -> str:
    """Return what a client noted beside an error, as the redirect that led there."""
    notes = getattr(error, "__notes__", [])

    return f" ({', '.join(notes)})" if notes else ""


def timed_out(check: Check, notes: str = "") -> Finding:
    """Return the finding for silence.

    A network service that hangs is down; anything else was not observed.
    """
    if not KINDS[check.kind].network:
        return check.finding("unknown", f"could not be observed within {check.timeout:g} s")

    message = f"no complete answer within {check.timeout:g} s, the service hangs{notes}"

    return check.finding(
        "critical",
        _with_place(check, message),
        observed="no answer",
        expected=f"within {check.timeout:g} s",
    )


def _with_place(check: Check, text: str) -> str:
    place = KINDS[check.kind].place(check)

    return f"{place}: {text}" if place else text


def explain(error: OSError) -> str:
    """Return in plain words why a connection or a file could not be used."""
    if isinstance(error, socket.gaierror):
        return f"the host name cannot be resolved: {error.strerror}"
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == _CERTIFICATE_EXPIRED:
            return "the certificate has expired: renew it"
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"

    return _REASONS.get(error.errno or 0) or f"{error.strerror or error}"


def cleaned(found: Finding, secrets: set[str]) -> Finding:
    """Return the finding with what was observed made fit to be shown.

    A host, a service or a database wrote it: secrets are masked, characters that are not printed
    are escaped, and it has a bounded length. A figure that is not a number of JSON becomes text.
    """
    observed = found["observed"]
    if isinstance(observed, float) and not math.isfinite(observed):
        observed = str(observed)
    if isinstance(observed, str):
        observed = _shown(observed, secrets, LONGEST_OBSERVED)

    return {
        **found,
        "observed": observed,
        "message": _shown(found["message"], secrets, LONGEST_MESSAGE),
    }


def _shown(text: str, secrets: set[str], most: int) -> str:
    return limit_text(visible(masked(text, secrets)[: 2 * most]), most)


def masked(text: str, secrets: set[str]) -> str:
    """Return the text with every secret in it replaced, longer ones first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)

    return text
