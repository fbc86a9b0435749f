"""Service chains and own services on the screen."""

from uuid import uuid4

import pytest

from dentatool.catalogue.models import Article, ChainLine, ServiceChain


def chain_of(lab, **lines):
    """A chain with lines such as n1024="kronen"."""
    with lab.at_work():
        made = ServiceChain.objects.create(name=f"Krone {uuid4().hex[:6]}")
        for rank, (key, formula) in enumerate(lines.items(), 1):
            ChainLine.objects.create(chain=made, rank=rank, art="BEL", number=key[1:], formula=formula)
        return made.pk


def lines_of(lab, chain):
    with lab.at_work():
        rows = ChainLine.objects.filter(chain=chain).order_by("rank")
        return [(line.rank, line.art, line.number, line.formula) for line in rows]


def test_a_chain_s_page_counts_an_example(anna):
    chain = chain_of(anna, n0010="1", n1024="kronen", n9700="2*pfeiler+stifte")

    lines = anna.client().get(f"/ketten/{chain}/").context["lines"]

    assert [(line["number"], line["text"], line["example"]) for line in lines] == [
        ("001 0", "Modell", 1),
        ("102 4", "Krone für vestibuläre Verblendung", 2),
        ("970 0", "Verarbeitungsaufwand NEM-Legierung", 5),
    ]


def test_a_line_that_comes_to_too_much_in_the_example_does_not_break_the_page(anna):
    chain = chain_of(anna, n0010="999*kronen")

    answer = anna.client().get(f"/ketten/{chain}/")

    assert (answer.status_code, answer.context["lines"][0]["example"]) == (200, "–")


def test_on_an_order_such_a_line_is_told_in_words(anna):
    from dentatool.kit.errors import NotYet
    from dentatool.orders.lines import chain_lines

    chain = chain_of(anna, n0010="1", n1024="999*kronen")

    with anna.at_work(), pytest.raises(NotYet, match="Die Menge 1998 ist zu groß; höchstens 999"):
        chain_lines(ServiceChain.objects.get(pk=chain), {"kronen": 2})


def test_a_line_is_added_with_a_bel_number_and_with_an_own_one(anna):
    chain = chain_of(anna)
    with anna.at_work():
        Article.objects.create(art="MAT", number="M10", text="Künstlicher Zahn", price_cents=420)

    for item, formula in (("10", "1"), ("m10", "zaehne")):
        answer = anna.client().post(f"/ketten/{chain}/zeile/neu/", {"item": item, "formula": formula, "rank": "1"})
        assert answer.status_code == 302

    assert sorted(lines_of(anna, chain)) == [(1, "BEL", "0010", "1"), (1, "MAT", "M10", "zaehne")]


@pytest.mark.parametrize(
    ("typed", "field", "reason"),
    [
        ({"item": "9999", "formula": "1"}, "item", "weder eine BEL-Nummer noch eine eigene Leistung"),
        ({"item": "", "formula": "1"}, "item", "ausfüllen"),
        ({"item": "0010", "formula": "kronen+"}, "formula", "Am Ende der Formel fehlt etwas"),
        ({"item": "0010", "formula": "zähne"}, "formula", "unbekannt"),
        ({"item": "0010", "formula": "__import__('os').system('id')"}, "formula", "passt hier nicht"),
        ({"item": "0010", "formula": "1" * 81}, "formula", "80 Zeichen"),
        ({"item": "0010", "formula": "1", "rank": "0"}, "rank", "1 bis 999"),
        ({"item": "0010", "formula": "1", "rank": "99999999999999"}, "rank", ""),
    ],
)
def test_a_wrong_line_is_refused_at_its_field_and_keeps_what_was_typed(anna, typed, field, reason):
    chain = chain_of(anna)

    answer = anna.client().post(f"/ketten/{chain}/zeile/neu/", {"rank": "1", **typed})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert reason in answer.context["form"].errors[field][0]
    assert answer.context["form"]["formula"].value() == typed["formula"]
    assert lines_of(anna, chain) == []


def test_a_line_is_changed_moved_and_removed(anna):
    chain = chain_of(anna, n0010="1", n1024="kronen")
    with anna.at_work():
        first, second = ChainLine.objects.filter(chain=chain).order_by("rank").values_list("pk", flat=True)

    changed = anna.client().post(
        f"/ketten/zeile/{first}/", {"item": "001 8", "formula": "2*pfeiler", "rank": "7", "version": "1"}
    )
    assert (changed.status_code, lines_of(anna, chain)) == (
        302,
        [(2, "BEL", "1024", "kronen"), (7, "BEL", "0018", "2*pfeiler")],
    )
    anna.client().post(f"/ketten/zeile/{second}/entfernen/")

    assert lines_of(anna, chain) == [(7, "BEL", "0018", "2*pfeiler")]


def test_who_changes_a_line_second_is_told(anna):
    chain = chain_of(anna, n0010="1")
    with anna.at_work():
        line = ChainLine.objects.get(chain=chain).pk
    facts = {"item": "0010", "rank": "1", "version": "1"}

    first = anna.client().post(f"/ketten/zeile/{line}/", {**facts, "formula": "kronen"})
    second = anna.client().post(f"/ketten/zeile/{line}/", {**facts, "formula": "glieder"})

    assert (first.status_code, second.status_code) == (302, 409)
    assert lines_of(anna, chain) == [(1, "BEL", "0010", "kronen")]


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("2*kronen", "<strong>4</strong>"),
        ("2*", "Am Ende der Formel fehlt etwas."),
        ("", "leer"),
        ("9" * 500, "länger"),
    ],
)
def test_the_formula_is_checked_while_it_is_typed(anna, formula, told):
    answer = anna.client("technician").get("/ketten/formel/", {"formula": formula})

    assert answer.status_code == 200
    assert told in answer.content.decode()


def test_a_name_that_exists_is_refused_at_its_field(anna):
    with anna.at_work():
        ServiceChain.objects.create(name="Modellguss")

    answer = anna.client().post("/ketten/neu/", {"name": "Modellguss", "area": "ZE", "active": "on"})

    assert answer.status_code == 422
    assert answer.context["form"].errors == {"name": ["Eine Kette mit diesem Namen gibt es schon."]}


def test_another_laboratory_s_chain_is_as_if_it_were_not_there(anna, bert):
    chain = chain_of(anna, n0010="1")
    with anna.at_work():
        line = ChainLine.objects.get(chain=chain).pk
        article = Article.objects.create(art="NBL", number="P100", text="Zirkonkrone", price_cents=19800).pk
    own = chain_of(bert)

    looked = [bert.client().get(f"{address}/").status_code for address in (
        f"/ketten/{chain}", f"/ketten/{chain}/zeile/neu", f"/ketten/zeile/{line}", f"/leistungen/{article}",
    )]  # fmt: skip
    removed = bert.client().post(f"/ketten/zeile/{line}/entfernen/")
    borrowed = bert.client().post(f"/ketten/{own}/zeile/neu/", {"item": "P100", "formula": "1", "rank": "1"})

    assert (looked, removed.status_code, borrowed.status_code) == ([404, 404, 404, 404], 404, 422)
    assert lines_of(anna, chain) == [(1, "BEL", "0010", "1")]
    assert lines_of(bert, own) == []


GOOD = {
    "art": "NBL",
    "number": "P100",
    "text": "Zirkonkrone",
    "unit": "Stück",
    "price_cents": "198,00",
    "vat_permille": "7",
    "active": "on",
}


def test_an_own_service_is_entered_in_euros_and_per_cent(anna):
    answer = anna.client().post("/leistungen/neu/", GOOD)

    assert answer.status_code == 302
    with anna.at_work():
        made = Article.objects.get()
        assert (made.number, made.price_cents, made.vat_permille) == ("P100", 19800, 70)


@pytest.mark.parametrize(
    ("typed", "field", "reason"),
    [
        ({"number": "001 0"}, "number", "BEL-Nummer „Modell“"),
        ({"price_cents": "10.000,00"}, "price_cents", "9.999,99"),
        ({"price_cents": "viel"}, "price_cents", ""),
        ({"price_cents": "-1"}, "price_cents", ""),
        ({"vat_permille": "101"}, "vat_permille", ""),
        ({"art": "BEL"}, "art", ""),
        ({"text": "x" * 61}, "text", "60 Zeichen"),
        ({"text": "a\0b"}, "text", ""),
    ],
)
def test_a_wrong_service_is_refused_at_its_field(anna, typed, field, reason):
    answer = anna.client().post("/leistungen/neu/", {**GOOD, **typed})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert reason in answer.context["form"].errors[field][0]
    with anna.at_work():
        assert Article.objects.count() == 0


@pytest.mark.parametrize("address", ["/ketten/neu/", "/leistungen/neu/"])
@pytest.mark.parametrize(("role", "status"), [("office", 200), ("technician", 403), ("reader", 403), ("courier", 403)])
def test_who_may_change_the_catalogue(anna, address, role, status):
    assert anna.client(role).get(address).status_code == status
