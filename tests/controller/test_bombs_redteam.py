"""Small files that once took gigabytes to look into, read in a process whose memory is watched."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import zstandard
from mcap.writer import CompressionType, Writer

from controller.model.cards import card_path
from controller.model.pilot import find_model

pytestmark = pytest.mark.redteam
MOST_MIB = 400
"""More than any command needs that looks into a file of ours, and far less than the bombs hold."""
GIB = 1 << 30
BOUNDED = """
import sys
from controller.__main__ import main
from controller.system.process import memory_mib
code = main(sys.argv[2:])
sys.exit(99 if memory_mib(peak=True) > float(sys.argv[1]) else code)
"""


def controller(*words):
    """Run a command; gives its result. Exit code 99: it took more than `MOST_MIB`."""
    return subprocess.run(
        [sys.executable, "-c", BOUNDED, str(MOST_MIB), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=Path(__file__).parents[2],
    )


def _zeros(size):
    """So many zeros, as zstd packs them, made piece by piece."""
    packer = zstandard.ZstdCompressor(level=1).compressobj(size=size)
    piece = bytes(1 << 24)
    return b"".join([*(packer.compress(piece) for _ in range(size >> 24)), packer.flush()])


def _chunk(packed, told):
    content = struct.pack("<QQQI", 0, 1, told, 0) + struct.pack("<I", 4) + b"zstd"
    content += struct.pack("<Q", len(packed)) + packed
    return b"\x06" + struct.pack("<Q", len(content)) + content


@pytest.fixture
def drive(tmp_path):
    """Makes a drive that begins as ours do and goes on with some bytes."""

    def make(more):
        path = tmp_path / "drive-bomb.mcap"
        with path.open("wb") as file:
            writer = Writer(file, compression=CompressionType.ZSTD)
            writer.start()
            writer.add_metadata("drive", {"model": "default"})
            file.write(more)
        return path

    return make


@pytest.mark.parametrize("told", [3 * GIB, 100_000], ids=["honest", "lying"])
def test_a_chunk_that_unpacks_to_gigabytes(drive, told):
    """98 kB made `drives info` take 3 GiB."""
    path = drive(_chunk(_zeros(3 * GIB), told))
    assert path.stat().st_size < 400_000
    done = controller("drives", "info", path)
    assert done.returncode == 0, done.stderr
    assert "unpacks" in done.stderr or "a chunk of" in done.stderr
    assert "default" in done.stdout  # what came before it is read


def test_a_folder_with_a_bomb_is_listed(drive):
    path = drive(_chunk(_zeros(3 * GIB), 3 * GIB))
    done = controller("drives", "list", path.parent)
    assert done.returncode == 0, done.stderr
    assert "1 drive" in done.stdout


def _png(height, width):
    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * width)
    rows = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.fixture
def tub(tmp_path):
    """Makes a Donkeycar tub of one picture."""

    def make(coded, catalog_line=None, repeat=1):
        folder = tmp_path / "tub"
        (folder / "images").mkdir(parents=True)
        (folder / "images" / "0.jpg").write_bytes(coded)
        line = catalog_line or json.dumps(
            {
                "_index": 0,
                "_timestamp_ms": 1000,
                "cam/image_array": "0.jpg",
                "user/angle": 0.0,
                "user/throttle": 0.5,
            }
        )
        with (folder / "catalog_0.catalog").open("w") as file:
            for _ in range(repeat):
                file.write(line)
            file.write("\n")
        facts = json.dumps({"paths": ["catalog_0.catalog"], "deleted_indexes": []})
        (folder / "manifest.json").write_text("\n".join(["[]", "[]", "{}", "{}", facts]))
        return folder

    return make


def test_a_picture_of_many_pixels(tub):
    """0.7 MB of PNG, 0.7 GB of pixels, and as many again to turn them round."""
    folder = tub(_png(15_000, 15_000))
    done = controller("replay", folder)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1


def test_a_catalog_of_one_long_line(tub):
    folder = tub(b"", catalog_line="x" * (1 << 20), repeat=600)
    done = controller("replay", folder)
    assert done.returncode == 2, done.stderr
    assert "holds more than" in done.stderr


def _grow(path, size):
    """Make a file large without writing that much."""
    with path.open("ab") as file:
        file.truncate(size)


def test_a_configuration_of_a_gigabyte(tmp_path):
    path = tmp_path / "car.toml"
    path.write_text("[camera]\n")
    _grow(path, GIB)
    done = controller("status", "--config", path)
    assert done.returncode == 2, done.stderr
    assert "holds more than" in done.stderr


def test_a_card_of_a_gigabyte(tmp_path):
    model = tmp_path / "model.tflite"
    model.write_bytes(find_model("default").read_bytes())
    card_path(model).write_text("{}")
    _grow(card_path(model), GIB)
    done = controller("drive", "--camera", "pattern", "--link", "loop://", "--model", model)
    assert done.returncode == 2, done.stderr
    assert "holds more than" in done.stderr
