from export.facts import named_drives


def test_a_run_of_numbered_drives_is_its_first_and_last():
    names = ["day1", "random-9", "random-10", "random-11", "oval-12", "random-13", "random-15"]
    assert named_drives(names) == [
        "day1", "random-9 to random-11", "oval-12", "random-13", "random-15",
    ]  # fmt: skip
    assert named_drives([]) == []
    assert named_drives(["7", "8"]) == ["7 to 8"]
