# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Encryption with age of what holds secrets, to a key whose private half is not on the host.

The host cannot read an encrypted file again, so it was read back before it was encrypted. Its size
follows from that of the plain file, which shows whether age wrote all of it.
"""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Mapping

from ..base.deadline import Deadline
from ..base.folders import Folder
from ..base.memory_files import MemoryFolder
from . import programs
from .hashing import hash_of
from .manifest import Artefact, SetFile
from .programs import Program

SUFFIX: t.Final = ".age"
ENCRYPTION: t.Final = "age"
#: The fact with the sizes of the plain files, by their names, bytes.
PLAIN_BYTES: t.Final = "plain_bytes"
_INTRODUCTION: t.Final = b"age-encryption.org/v1\n"
_LAST_LINE: t.Final = b"\n--- "
#: The header for one recipient has about 200 bytes.
_MAX_HEADER: t.Final = 1 << 16
#: The payload, bytes: a nonce, then chunks, each with a tag.
_NONCE, _CHUNK, _TAG = 16, 64 << 10, 16


def encrypted(
    plain: Artefact, hidden: MemoryFolder, folder: Folder, recipient: str, deadline: Deadline
) -> Artefact:
    """Encrypt the files of an artefact into a folder, and return it with those files.

    Raises ProgramError, TimeoutError, OSError.
    """
    stages = list(plain.stages)
    files, sizes = [], {}

    for file in plain.files:
        name = file.path.partition("/")[2]
        sizes[name] = file.bytes
        with hidden.read(name) as source, folder.create(f"{name}{SUFFIX}") as out:
            age = [_encrypting(recipient)]
            stages += programs.run(age, out.fileno(), deadline, source.fileno())
            size, digest = hash_of(out, deadline)
        files.append(SetFile(f"{file.path}{SUFFIX}", size, digest, ENCRYPTION))

    facts = {**plain.facts, PLAIN_BYTES: sizes, "recipient": recipient}

    return dataclasses.replace(plain, files=tuple(files), facts=facts, stages=tuple(stages))


def form_problem(stream: t.BinaryIO, file: SetFile, facts: Mapping[str, t.Any]) -> str:
    """Return what is wrong with an encrypted file as far as its form says, '' for nothing.

    Raises KeyError, TypeError for facts that are not ours.
    """
    plain = facts[PLAIN_BYTES][file.path.partition("/")[2].removesuffix(SUFFIX)]
    stream.seek(0)
    head = stream.read(_MAX_HEADER)
    last = head.find(_LAST_LINE)
    end = head.find(b"\n", last + len(_LAST_LINE))
    if not head.startswith(_INTRODUCTION) or last < 0 or end < 0:
        return "it is not a file of age"

    chunks = max(1, -(-plain // _CHUNK))
    expected = end + 1 + _NONCE + plain + chunks * _TAG

    return "" if file.bytes == expected else f"it has {file.bytes} bytes instead of {expected}"


def _encrypting(recipient: str) -> Program:
    return Program(("age", "--encrypt", "--recipient", recipient), programs.harmless())
