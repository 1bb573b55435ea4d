# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trusted records of a system's models, as the controller reads them: signed by whom it trusts, and undamaged."""

from __future__ import annotations

import subprocess
import typing as t
from dataclasses import dataclass
from pathlib import Path

import yaml

#: What a signature is made for, so that one for something else does not count.
NAMESPACE: t.Final = "upkeep-models"
SUFFIX: t.Final = ".sig"
LARGEST: t.Final = 16 << 20  # bytes
SECONDS: t.Final = 20  # for ssh-keygen


class ManifestError(Exception):
    """A manifest that must not be used; the message says why, and what to do."""


@dataclass(frozen=True)
class Signers:
    """Whose signature counts: a file of allowed signers (ssh-keygen(1)) and the name in it."""

    file: Path
    name: str


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses a key that stands twice: after a careless merge the last of two records would count in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[t.Any, t.Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} stands there twice", node.start_mark)
        mapping: dict[t.Any, t.Any] = super().construct_mapping(node, deep)
        return mapping


def load(path: Path, signers: Signers | None = None) -> dict[str, t.Any]:
    """Return the records by model name; none where there is no file yet. Raises ManifestError.

    With ``signers`` the very bytes that are returned have been signed, in ``<path>.sig`` (``ssh-keygen -Y sign``).
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ManifestError(f"the manifest cannot be read ({error})") from error
    if len(content) > LARGEST:
        raise ManifestError(f"'{path}' is larger than {LARGEST} bytes, so it is no manifest")
    if signers:
        require_signature(content, path.with_name(path.name + SUFFIX), signers)
    return parse(content, path)


def parse(content: bytes, path: Path) -> dict[str, t.Any]:
    """Return the records of a manifest's text; raises ManifestError that names the line."""
    try:
        records = yaml.load(content, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeError, ValueError, TypeError, RecursionError) as error:
        raise ManifestError(f"'{path}' is damaged: {' '.join(str(error).split())}") from error
    if records is None:
        return {}
    if not isinstance(records, dict) or not all(isinstance(name, str) for name in records):
        raise ManifestError(f"'{path}' is damaged: it must map names of models to records")
    return records


def require_signature(content: bytes, signature: Path, signers: Signers) -> None:
    """Raise ManifestError unless ``signature`` is that of the named signer for these bytes."""
    again = f"after a look at it, sign it again: ssh-keygen -Y sign -n {NAMESPACE} -f KEY {signature.with_suffix('')}"
    for needed in (signers.file, signature):
        if not needed.is_file():
            raise ManifestError(f"'{needed}' is missing, and only a signed manifest counts; {again}")
    command = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", signers.name]
    command += ["-f", str(signers.file), "-s", str(signature)]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ManifestError(f"the signature cannot be checked ({error})") from error
    if done.returncode:
        words = " ".join((done.stdout + done.stderr).decode("utf-8", "replace").split())
        raise ManifestError(f"'{signature}' is not the signature of {signers.name} ({words}); {again}")
