"""Draw docs/pictures/architecture.svg from the import contracts in pyproject.toml.

    python docs/draw_architecture.py

The contracts are what `lint-imports` holds the code to, so the picture shows what is, not what was
once meant. A test compares the file with what this makes.
"""

from __future__ import annotations

import ast
import re
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "architecture.svg"
PACKAGES = {
    "export": "Keras to TFLite, parity, cards",
    "training": "data sets, networks, the study",
    "simulator": "a world to drive in, evaluation",
    "controller": "what runs on the car",
    "firmware_bridge": "the serial line and the firmware",
}
WIDTH, MARGIN, PADDING = 480, 12, 12
ROW, CHIP, GAP = 34, 26, 8
HEADER = 50
FONT = 15
CHARACTER = 8.6
"""Width of a character of a monospaced font of that size, in pixels, rounded up."""
LONGEST_PHRASE = 44
"""Characters beside a room's name that the picture has room for."""
STYLE = """
.page { fill: #ffffff } .card { fill: #f4f6f8; stroke: #8c96a0 }
.room { fill: #dbe9f7; stroke: #4a78a8 }
.file { fill: #ffffff; stroke: #8c96a0 } text { fill: #14202b } .small { fill: #46525e }
.arrow { stroke: #46525e; fill: none } .head { fill: #46525e }
@media (prefers-color-scheme: dark) {
.page { fill: #0f141a } .card { fill: #1a222b; stroke: #64707c }
.room { fill: #20405f; stroke: #6fa3d6 }
.file { fill: #0f141a; stroke: #64707c } text { fill: #e8eef4 } .small { fill: #b3bec9 }
.arrow { stroke: #b3bec9 } .head { fill: #b3bec9 } }
"""


def layers_of(package: str) -> list[list[str]]:
    """A package's rooms and single modules by layer, the uppermost first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    for contract in contracts["contracts"]:
        if contract.get("containers") == [package]:
            return [
                [name.strip() for name in layer.split("|") if name.strip() != "__main__"]
                for layer in contract["layers"]
                if layer.strip() != "__main__"
            ]
    raise SystemExit(f"pyproject.toml has no contract for the rooms of {package}")


def rows_of(names: list[str]) -> list[list[str]]:
    """A layer's names in as many rows as the picture is wide."""
    rows: list[list[str]] = [[]]
    room = WIDTH - 2 * MARGIN - 2 * PADDING
    used = 0.0
    for name in names:
        width = _chip_width(name) + GAP
        if rows[-1] and used + width > room:
            rows.append([])
            used = 0.0
        rows[-1].append(name)
        used += width
    return rows


def phrase(package: str, name: str) -> str:
    """What a room or module is, in its docstring's first words."""
    path = ROOT / package / name
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    first = (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0]
    words = re.split(r"[:;,(]|\.(?: |$)", first.replace("``", "").replace("`", ""))[0]
    return words if len(words) <= LONGEST_PHRASE else f"{words[: LONGEST_PHRASE - 1]}…"


def _chip_width(name: str) -> float:
    return len(name) * CHARACTER + 14


def _chip(package: str, name: str, left: float, top: float) -> str:
    kind = "room" if (ROOT / package / name).is_dir() else "file"
    width = _chip_width(name)
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{CHIP}" '
        f'rx="{5 if kind == "room" else 13}"/>'
        f'<text x="{left + width / 2:.1f}" y="{top + 18:.1f}" text-anchor="middle" '
        f'font-family="monospace">{escape(name)}</text>'
    )


def _card(package: str, top: float) -> tuple[str, float]:
    """One package: its drawing, and the height that it takes."""
    rows = [row for layer in layers_of(package) for row in rows_of(layer)]
    height = HEADER + len(rows) * ROW + PADDING - GAP
    left, wide = MARGIN + PADDING, WIDTH - 2 * MARGIN
    card = f'x="{MARGIN}" y="{top:.1f}" width="{wide}" height="{height:.1f}" rx="8"'
    what = escape(PACKAGES[package])
    parts = [
        f'<rect class="card" {card}/>',
        f'<text x="{left}" y="{top + 22:.1f}" font-weight="bold">{package}/</text>',
        f'<text class="small" x="{left}" y="{top + 41:.1f}">{what}</text>',
    ]
    for number, row in enumerate(rows):
        start, line = float(left), top + HEADER + number * ROW
        for name in row:
            parts.append(_chip(package, name, start, line))
            start += _chip_width(name) + GAP
        if len(row) == 1:
            said = escape(phrase(package, row[0]))
            parts.append(
                f'<text class="small" font-size="13" x="{start:.1f}" y="{line + 18:.1f}">{said}'
                "</text>"
            )
    return "\n".join(parts), height


def _below(package: str, top: float) -> str:
    """What stands between a package and the next one."""
    middle = WIDTH / 2
    if package == "training":
        return (
            f'<text class="small" x="{middle}" y="{top + 20:.1f}" text-anchor="middle">'
            "beside it: neither imports the other</text>"
        )
    return (
        f'<path class="arrow" d="M{middle} {top:.1f} v22" stroke-width="2"/>'
        f'<path class="head" d="M{middle - 6} {top + 20:.1f} h12 l-6 9 z"/>'
        f'<text class="small" x="{middle + 14}" y="{top + 20:.1f}">imports</text>'
    )


def draw() -> str:
    """The whole picture as SVG."""
    parts, top = [], float(MARGIN)
    for package in PACKAGES:
        card, height = _card(package, top)
        parts.append(card)
        top += height
        if package != list(PACKAGES)[-1]:
            parts.append(_below(package, top))
            top += 30
    top += MARGIN
    words = "Packages and their rooms: what stands higher may import what stands below it"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:.0f}" '
        f'width="{WIDTH}" height="{top:.0f}" font-family="sans-serif" font-size="{FONT}" '
        f'role="img" aria-label="{words}">\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="100%" height="100%"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(draw())
    print(f"wrote {PICTURE.relative_to(ROOT)}")
