# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trusted records of a system's models, as the controller reads them: signed by whom it trusts, and undamaged."""

from __future__ import annotations

import subprocess
import typing as t
from dataclasses import dataclass
from pathlib import Path

from upkeep.actions import approved_files as approved
from upkeep.actions.approved_files import RecordsError

#: What a signature is made for, so that one for something else does not count.
NAMESPACE: t.Final = "upkeep-models"
SUFFIX: t.Final = ".sig"
SECONDS: t.Final = 20  # for ssh-keygen


@dataclass(frozen=True)
class Signers:
    """Whose signature counts: a file of allowed signers (ssh-keygen(1)) and the name in it."""

    file: Path
    name: str


def load(path: Path, signers: Signers | None = None) -> dict[str, t.Any]:
    """Return the records by model name; none where there is no file yet. Raises RecordsError.

    With ``signers`` the very bytes that are returned have been signed, in ``<path>.sig``
    (``ssh-keygen -Y sign``).
    """
    content = approved.content(path, "manifest")
    if content is None:
        return {}

    if signers:
        require_signature(content, path.with_name(path.name + SUFFIX), signers)

    return parse(content, path)


def parse(content: bytes, path: Path) -> dict[str, t.Any]:
    """Return the records of a manifest's text; raises RecordsError that names the line."""
    return approved.records(
        content, path, "names of models to records", lambda name, _record: isinstance(name, str)
    )


def require_signature(content: bytes, signature: Path, signers: Signers) -> None:
    """Raise RecordsError unless ``signature`` is that of the named signer for these bytes."""
    again = f"after a look at it, sign it again: ssh-keygen -Y sign -n {NAMESPACE} -f KEY {signature.with_suffix('')}"
    for needed in (signers.file, signature):
        if not needed.is_file():
            raise RecordsError(f"'{needed}' is missing, and only a signed manifest counts; {again}")

    command = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", signers.name]
    command += ["-f", str(signers.file), "-s", str(signature)]

    try:
        done = subprocess.run(  # noqa: S603
            command, input=content, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RecordsError(f"the signature cannot be checked ({error})") from error

    if done.returncode:
        words = " ".join((done.stdout + done.stderr).decode("utf-8", "replace").split())
        raise RecordsError(
            f"'{signature}' is not the signature of {signers.name} ({words}); {again}"
        )
