"""What a service chain counts on the tooth chart."""

from dentatool.orders.chain_variables import LABELS, variables_of


def test_a_bridge_counts_abutments_and_pontics():
    counts = variables_of({14: "krone", 15: "glied", 16: "krone"}, shipments=2)

    assert (counts["anker"], counts["glieder"], counts["kronen"], counts["versandgaenge"]) == (2, 1, 2, 2)


def test_veneers_are_counted_or_follow_the_crowns():
    assert variables_of({14: "krone", 15: "glied"})["verblendungen"] == 2
    assert variables_of({14: "krone", 15: "verblendung"})["verblendungen"] == 1


def test_a_denture_counts_replaced_teeth_and_clasps():
    counts = variables_of({35: "ersetzt", 36: "ersetzt", 34: "klammer"})

    assert (counts["zaehne"], counts["klammern"], counts["kronen"]) == (2, 1, 0)


def test_a_tooth_without_a_word_is_a_crown():
    assert variables_of({14: ""})["kronen"] == 1


def test_every_variable_is_there_even_for_an_empty_chart():
    assert variables_of({}) == {**dict.fromkeys(LABELS, 0), "versandgaenge": 1}
