"""Reports as pages: Jinja2 templates that stand beside the report that fills them in.

Everything that is put into a page is escaped; a name that a template asks for and nobody gave is an
error, not a gap.
"""

from __future__ import annotations

from pathlib import Path


def render(template: Path, **values: object) -> str:
    """A template filled in.

    Args:
        template: A ``.j2`` file.
        values: What its names stand for.

    Raises:
        jinja2.UndefinedError: If a name of the template's is missing.
    """
    import jinja2  # loaded for reports only: it takes as long as NumPy

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(values)
