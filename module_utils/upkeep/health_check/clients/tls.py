# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the certificate of a server is verified."""

from __future__ import annotations

import ssl
import typing as t
from collections.abc import Mapping

from ...base.options import Options, option
from ..check import ProbeError

TLS_OPTIONS: t.Final[Options] = {
    "verify_tls": option(
        "bool",
        "Refuse a certificate that is expired, not trusted or made out to another name.",
        default=True,
    ),
    "ca_file": option("path", "Trust these authorities instead of those of the host."),
}


def tls_context(options: Mapping[str, t.Any]) -> ssl.SSLContext:
    """Return the context for a connection with these options; raises ProbeError."""
    ca_file = options["ca_file"]
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ProbeError("unknown", f"ca_file {ca_file} cannot be used: {error}") from error

    if not options["verify_tls"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

    return context
