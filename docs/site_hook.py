"""What `make docs` adds to the pages: one page for each room, made from its docstrings.

Links that lead out of docs/, to code, work on a site that shows the repository; on the built pages
they lead to the room's page, or lose their link where there is none.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PACKAGES = ("controller", "firmware_bridge", "simulator", "training", "export")
_LINK = re.compile(r"\[([^\]]*)\]\((\.\./[^)#\s]+)\)")


def _rooms() -> list[str]:
    """The packages and their rooms, as Python names them."""
    found = []
    for package in PACKAGES:
        inside = sorted(file.parent.name for file in (ROOT / package).glob("*/__init__.py"))
        found += [package, *(f"{package}.{room}" for room in inside)]
    return found


def _page_of(room: str) -> str:
    return f"api/{room}.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each room, and a list of them."""
    lines = [
        "# Code",
        "",
        "From the docstrings. Each room says how to add one more of its kind.",
        "",
    ]
    for room in _rooms():
        single = "." not in room
        options = "" if single else "\n    options:\n      show_submodules: true"
        note = "\n    options:\n      show_submodules: false" if single else options
        text = f"# {room}\n\n::: {room}{note}\n"
        files.append(File.generated(config, _page_of(room), content=text))
        lines.append(f"{'' if single else '    '}- [{room}]({room}.md)")
    files.append(File.generated(config, "api/README.md", content="\n".join(lines) + "\n"))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Send links that leave docs/ to the room's page."""
    folder = posixpath.dirname(page.file.src_uri)

    def lead(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, match[2]))
        if target.startswith("docs/"):
            return match[0]
        parts = target.split("/")
        room = ".".join(parts[:2]) if len(parts) > 2 else parts[0]
        if room not in _rooms() or not target.endswith(".py"):
            return match[1]
        up = posixpath.relpath(_page_of(room), folder or ".")
        return f"[{match[1]}]({up})"

    return _LINK.sub(lead, markdown)
