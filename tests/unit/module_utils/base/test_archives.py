# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An archive goes through a pipe and comes out as it was, and a cut one is an error."""

from __future__ import annotations

import io
import tarfile

import pytest
from ansible.module_utils.upkeep.base.archives import ChunkStream, archive_reader, archive_writer


def archive() -> bytes:
    """Return an archive with one file."""
    written = bytearray()

    def feed(data: bytes) -> int:
        written.extend(data)
        return len(data)

    with archive_writer(feed) as opened:
        member = tarfile.TarInfo("file")
        member.size = 5000
        opened.addfile(member, io.BytesIO(b"x" * 5000))

    return bytes(written)


@pytest.mark.parametrize("size", [1, 511, 10_000])
def test_members_come_out_as_they_were(size: int) -> None:
    data = archive()
    chunks = (data[start : start + size] for start in range(0, len(data), size))

    with archive_reader(ChunkStream(chunks)) as opened:
        member = opened.next()
        assert member
        content = opened.extractfile(member)
        assert content
        assert content.read() == b"x" * 5000


def test_a_cut_archive_is_an_error() -> None:
    stream = ChunkStream(iter([archive()[:3000]]))

    with pytest.raises(tarfile.TarError), archive_reader(stream) as opened:
        member = opened.next()
        assert member
        content = opened.extractfile(member)
        while content and content.read(1000):
            pass


def test_draining_reads_to_the_end() -> None:
    chunks = iter([b"a", b"b"])

    ChunkStream(chunks).drain()

    assert list(chunks) == []
