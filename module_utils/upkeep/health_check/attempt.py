# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One attempt at one check: whatever happens becomes a finding, and no finding shows a secret."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from ..findings import Finding
from .check import Check, Deadline, ProbeError
from .clients.http import secret_headers
from .kinds import KINDS

_CERTIFICATE_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_REASONS = {
    errno.ECONNREFUSED: "the connection is refused, is the service running?",
    errno.ECONNRESET: "the connection was cut by the other side",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ENETUNREACH: "the network cannot be reached",
}


def observe(check: Check) -> Iterator[Finding]:
    """Yield the findings of one attempt as they come, and what it wants to remember.

    Never raises.
    """
    secrets = secret_texts(check)
    try:
        for found in KINDS[check.kind].probe(check, Deadline(check.timeout)):
            yield redacted(found, secrets) if "check" in found else found
    except ProbeError as error:
        yield redacted(check.finding(error.status, error.message, observed=error.observed), secrets)
    except TimeoutError:
        yield timed_out(check)
    except OSError as error:
        status = "critical" if KINDS[check.kind].network else "unknown"
        yield redacted(check.finding(status, _placed(check, explain(error))), secrets)
    except (
        Exception
    ) as error:  # a defect of ours must show as "nobody knows", not end the other checks
        yield redacted(
            check.finding("unknown", f"the probe failed: {type(error).__name__}: {error}"), secrets
        )


def timed_out(check: Check) -> Finding:
    """Return the finding for silence: a network service that hangs is down, anything else was not observed."""
    if KINDS[check.kind].network:
        message = _placed(
            check, f"no complete answer within {check.timeout:g} s, the service hangs"
        )
        return check.finding(
            "critical", message, observed="no answer", expected=f"within {check.timeout:g} s"
        )

    return check.finding("unknown", f"could not be observed within {check.timeout:g} s")


def _placed(check: Check, text: str) -> str:
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


def secret_texts(check: Check) -> set[str]:
    """Return every text that gives a secret of this check away: also the password in a url, or in a header."""
    texts: set[str] = set()
    for value in (check.options[name] for name in KINDS[check.kind].secrets):
        texts.add(value or "")
        password = urlsplit(value).password if value and "://" in value else None
        texts |= {password, unquote(password)} if password else set()

    return (texts | secret_headers(check.options.get("headers"))) - {""}


def redacted(found: Finding, secrets: set[str]) -> Finding:
    """Return the finding with every secret in its texts replaced."""
    clean = dict(found)
    for key in ("observed", "message"):
        for secret in sorted(secrets, key=len, reverse=True) if isinstance(clean[key], str) else ():
            clean[key] = clean[key].replace(secret, "********")

    return clean
