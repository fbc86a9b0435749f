"""What a drill calls different; that a whole drill passes and fails is in tests/project/test_backup.py."""

from dentatool.operations.backup.drilling import compare


def test_equal_tables_are_equal() -> None:
    assert compare({"public.a": (2, "17")}, {"public.a": (2, "17")}) == []


def test_a_lost_row_another_content_and_a_missing_table_are_named() -> None:
    expected = {"public.a": (2, "17"), "public.b": (1, "5"), "public.c": (0, "0")}

    found = compare(expected, {"public.a": (1, "9"), "public.b": (1, "6"), "public.d": (0, "0")})

    assert found == [
        "Tabelle public.a: 1 statt 2 Zeilen",
        "Tabelle public.b: Inhalt weicht ab",
        "Tabelle public.c fehlt",
        "Tabelle public.d gab es nicht",
    ]
