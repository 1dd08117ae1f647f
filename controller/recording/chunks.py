"""The records of an MCAP file, with every chunk and record bounded before it is unpacked.

A few kB of a chunk can unpack to gigabytes. The bounds are what our own writer writes
(`controller.recording.format.CHUNK_BYTES`), times 16.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import IO

import zstandard
from mcap.records import Chunk, McapRecord
from mcap.stream_reader import StreamReader, breakup_chunk

from controller.recording.format import CHUNK_BYTES

LARGEST = 16 * CHUNK_BYTES
"""Bytes of a record, packed or unpacked, and so of a message."""
_HEADER_BYTES = 1024
"""What a chunk's record has beside its content, at most."""


class TooLargeError(ValueError):
    """A chunk or record that is larger than any that our writer writes."""


class _InSips:
    """A file that is never asked for more at once than a record may have."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """See `io.RawIOBase`."""
        if not 0 <= size <= LARGEST + _HEADER_BYTES:
            raise TooLargeError(f"a record of {size} bytes, at most {LARGEST} are written")
        return self._file.read(size)


def read_records(file: IO[bytes]) -> Iterator[McapRecord]:
    """The records of a file, those in its chunks too; checksums are checked.

    Args:
        file: At its beginning.

    Raises:
        TooLargeError: A record or chunk is larger than `LARGEST`.
        McapError: And what else the libraries raise on a cut or damaged file.
    """
    reader = StreamReader(
        _InSips(file),  # type: ignore[arg-type]
        emit_chunks=True,
        validate_crcs=True,
        record_size_limit=LARGEST + _HEADER_BYTES,
    )
    for record in reader.records:
        if isinstance(record, Chunk):
            plain = dataclasses.replace(record, compression="", data=_unpack(record))
            yield from breakup_chunk(plain, validate_crc=True)
        else:
            yield record


def _unpack(chunk: Chunk) -> bytes:
    if chunk.uncompressed_size > LARGEST:
        raise TooLargeError(f"a chunk of {chunk.uncompressed_size} bytes, at most {LARGEST} are")
    if chunk.compression == "zstd":
        # The size in zstd's own header is what would be allocated, whatever the chunk says.
        if zstandard.frame_content_size(chunk.data) > LARGEST:
            raise TooLargeError(f"a chunk that unpacks to more than {LARGEST} bytes")
        return zstandard.ZstdDecompressor().decompress(chunk.data, max_output_size=LARGEST)
    if chunk.compression == "lz4":
        import lz4.frame  # other writers' only

        data: bytes = lz4.frame.LZ4FrameDecompressor().decompress(chunk.data, LARGEST + 1)
        if len(data) > LARGEST:
            raise TooLargeError(f"a chunk that unpacks to more than {LARGEST} bytes")
        return data
    return bytes(chunk.data)
