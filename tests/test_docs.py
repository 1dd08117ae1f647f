"""What the documentation names is there, and its picture of the architecture is the present one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if page.name != "CHANGELOG.md"
)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
TOP = "controller|export|firmware_bridge|simulator|training|systemd|tests|docs"
PATH = re.compile(rf"`((?:{TOP})/[\w./-]*|\.ci/run)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_every_path_of_a_page_leads_somewhere(page):
    text = page.read_text()
    links = [(page.parent / name, name) for name in LINK.findall(text)]
    paths = [(ROOT / name, name) for name in PATH.findall(text)]
    assert [name for path, name in [*links, *paths] if not path.exists()] == []


def test_the_picture_of_the_architecture_shows_the_import_contracts():
    made = subprocess.run(
        [sys.executable, "-c", "import draw_architecture as d; print(d.draw(), end='')"],
        cwd=ROOT / "docs",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert made == (ROOT / "docs" / "pictures" / "architecture.svg").read_text(), (
        "run python docs/draw_architecture.py"
    )
    assert ">supervisor<" not in made  # a module in a room is not a room
    assert ">recording<" in made
