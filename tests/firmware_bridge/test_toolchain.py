import subprocess

import pytest

from firmware_bridge.__main__ import main
from firmware_bridge.errors import EmulatorError
from firmware_bridge.firmware import toolchain
from firmware_bridge.firmware.toolchain import (
    FLASH_BYTES,
    RAM_BYTES,
    build_avr,
    firmware_size,
)
from firmware_bridge.verification.coverage import measure
from firmware_bridge.verification.differential_scripts import directed_script


@pytest.mark.needs("avr-gcc")
@pytest.mark.parametrize("defines", [[], ["PL_BATTERY_DIVIDER=300"]])
def test_half_of_flash_and_ram_are_free(defines):
    size = firmware_size(build_avr(defines))
    assert 0 < size.flash_bytes <= FLASH_BYTES // 2
    assert 0 < size.ram_bytes <= RAM_BYTES // 2


@pytest.mark.needs("avr-gcc")
def test_build_prints_what_is_used(capsys, tmp_path):
    assert main(["build", "--out", str(tmp_path / "firmware.elf")]) == 0
    printed = capsys.readouterr().out
    assert "of 32768 bytes" in printed
    assert "of 2048 bytes" in printed
    assert (tmp_path / "firmware.elf").read_bytes()[:4] == b"\x7fELF"


@pytest.mark.needs("compiler")
def test_every_line_of_the_core_is_reached():
    coverage = measure(directed_script())
    assert coverage.lines > 200
    assert coverage.missed == ()


def test_a_missing_tool_is_named_with_its_package(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EmulatorError, match="apt install gcc-avr avr-libc"):
        build_avr(["PL_NEVER_BUILT_BEFORE=1"])


@pytest.mark.needs("avr-gcc")
def test_what_the_compiler_says_is_passed_on():
    with pytest.raises(EmulatorError, match="nonsense"):
        build_avr(["PL_DUTY_FORWARD=nonsense"])


def test_builds_elsewhere_when_the_package_cannot_be_written(monkeypatch, tmp_path):
    monkeypatch.setattr(toolchain.os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert toolchain.cache_folder() == tmp_path / "paperlane" / "firmware"


def test_the_core_has_no_board_header():
    for name in ("core.c", "core.h", "frame.c", "frame.h", "boot_counter.c", "boot_counter.h"):
        assert "avr/" not in (toolchain.SOURCES / name).read_text()


@pytest.mark.needs("compiler")
def test_the_core_compiles_as_strict_c11(tmp_path):
    for name in toolchain.CORE:
        subprocess.run(
            ["cc", *toolchain.WARNINGS, "-pedantic", "-Wshadow", "-c",
             str(toolchain.SOURCES / name), "-o", str(tmp_path / "x.o")],
            check=True,
        )  # fmt: skip
