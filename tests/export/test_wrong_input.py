import pytest

from export.__main__ import main


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("text.keras", "text.keras: not a .keras file"),
        ("folder", "model.keras: no such model file"),
        ("none.keras", "none.keras: no such model file"),
    ],
)
def test_what_is_no_model_is_said_before_the_held_out_drives(tmp_path, capsys, name, says):
    (tmp_path / "text.keras").write_text("hello")
    (tmp_path / "folder").mkdir()
    out = tmp_path / "out"
    data = ["--calibration", str(tmp_path / "set"), "--out", str(out)]
    assert main([str(tmp_path / name), *data]) == 2
    printed = capsys.readouterr().err
    assert says in printed
    assert "--held-out" not in printed
    assert printed.count("\n") == 1
    assert not out.exists()
