"""`dentatool prices import`: exit code 0 only when the list is there."""

from datetime import date

from catalogue.conftest import make_list, price_file
from dentatool.catalogue.command import import_file
from dentatool.catalogue.models import PriceList


def lists_of(lab):
    with lab.at_work():
        return [(held.name, held.state, held.prices.count()) for held in PriceList.objects.order_by("valid_from")]


def test_a_file_becomes_a_draft_and_its_differences_are_told(anna, tmp_path, capsys):
    file = tmp_path / "11la0126.csv"
    file.write_bytes(price_file(n0010="9,99"))
    with anna.at_work():
        make_list(since=date(2025, 1, 1), n0010=806)

    code = import_file(file, anna.lab_id)

    told = capsys.readouterr().out
    assert code == 0
    assert lists_of(anna) == [("BEL II BY ab 01.01.2025", "active", 1), ("BEL II BY ab 01.01.2026", "draft", 175)]
    assert "175 von 175 Nummern haben einen Preis" in told
    assert "175 Preise anders als in „BEL II BY ab 01.01.2025“" in told


def test_with_activation_it_is_in_force_at_once(anna, tmp_path):
    file = tmp_path / "11la0126.csv"
    file.write_bytes(price_file())

    assert import_file(file, anna.lab_id, activate=True) == 0
    assert lists_of(anna) == [("BEL II BY ab 01.01.2026", "active", 175)]


def test_what_cannot_be_taken_over_ends_with_code_1_and_changes_nothing(anna, tmp_path, capsys):
    broken, nameless = tmp_path / "11la0126.csv", tmp_path / "preise.csv"
    broken.write_bytes(price_file()[:4000])
    nameless.write_bytes(price_file())

    codes = [import_file(file, anna.lab_id) for file in (broken, nameless, tmp_path / "fehlt.csv")]

    told = capsys.readouterr().err
    assert codes == [1, 1, 1]
    assert lists_of(anna) == []
    assert "abgeschnitten" in told
    assert "nennt kein Datum" in told
    assert told.count("Es wurde nichts geändert.") == 3


def test_a_list_with_gaps_stays_a_draft_even_when_its_activation_is_asked(anna, tmp_path, capsys):
    file = tmp_path / "11la0126.csv"
    lines = price_file().split(b"\n")
    file.write_bytes(b"\n".join(line for line in lines if b"0010" not in line))

    assert import_file(file, anna.lab_id, activate=True) == 1
    assert lists_of(anna) == [("BEL II BY ab 01.01.2026", "draft", 174)]
    assert "Ein Preis fehlt, darum nur als Entwurf gespeichert." in capsys.readouterr().out
