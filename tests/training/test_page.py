"""Pages of reports: what is put into them is text, and nothing may be missing."""

import jinja2
import pytest

from training.report.page import render


@pytest.fixture
def template(tmp_path):
    file = tmp_path / "page.html.j2"
    file.write_text("<p>{{ name }}</p>\n")
    return file


def test_what_a_drive_is_called_is_shown_and_never_run(template):
    page = render(template, name="<script>alert(1)</script>")
    assert page == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"


def test_a_value_that_nobody_gave_is_an_error(template):
    with pytest.raises(jinja2.UndefinedError, match="name"):
        render(template)
