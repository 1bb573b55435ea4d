# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Artefacts that are encrypted with age: opened in memory, by a key that is on no disk.

age runs with our rights: another process of an account without any could read the key from it. It
reads only bytes that have the sha256 of the manifest.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import replace

from ..backup import programs
from ..backup.artefacts.kind import OpenFile
from ..backup.manifest import Artefact, SetFile
from ..backup.programs import Program
from ..base.deadline import Deadline
from .choose import RestoreError

SUFFIX: t.Final = ".age"
#: What holds secrets is small, and all of it stands in memory.
_MOST: t.Final = 256 << 20


class SealedArtefact(t.NamedTuple):
    """An artefact as it was before it was encrypted, and what opens its files."""

    artefact: Artefact
    open_file: OpenFile


def unsealed(
    artefact: Artefact, open_file: OpenFile, identity: str, deadline: Deadline
) -> SealedArtefact:
    """Return an artefact as if it were not encrypted; a file is decrypted when it is opened.

    What opens raises RestoreError, ProgramError, TimeoutError, OSError.
    """
    sealed = {file.path.removesuffix(SUFFIX): file for file in artefact.files if file.encryption}
    files = tuple(
        replace(file, path=file.path.removesuffix(SUFFIX), encryption="")
        if file.encryption
        else file
        for file in artefact.files
    )

    def open_plain(file: SetFile) -> t.BinaryIO:
        if file.path not in sealed:
            return open_file(file)
        with open_file(sealed[file.path]) as stream:
            return _decrypted(stream, sealed[file.path], identity, deadline)

    return SealedArtefact(replace(artefact, files=files), open_plain)


def _decrypted(stream: t.BinaryIO, file: SetFile, identity: str, deadline: Deadline) -> t.BinaryIO:
    if file.bytes > _MOST:
        raise RestoreError(f"{file.path} has {file.bytes >> 20} MiB: too much for memory")

    plain = os.memfd_create("plain", os.MFD_CLOEXEC)
    key = os.memfd_create("key", os.MFD_CLOEXEC)
    try:
        os.write(key, f"{identity.strip()}\n".encode())
        os.lseek(key, 0, os.SEEK_SET)
        source = f"/proc/{os.getpid()}/fd/{stream.fileno()}"
        age = Program(("age", "--decrypt", "--identity", "-", source))
        programs.run([age], plain, deadline, key)
    except BaseException:
        os.close(plain)
        raise
    finally:
        os.close(key)
    os.lseek(plain, 0, os.SEEK_SET)

    return os.fdopen(plain, "rb")
