"""ATK-03: Bert searches, filters, sorts and pages for what is Anna's. He is answered as if it did not exist, to the letter.

The addresses come from the program: each one that is read without an id is asked with each parameter that any page reads.
"""

import re
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import dentatool
from attack.marked import Marked, fill, marker_of
from pages.test_matrix import INNER, shown

READ_WITHOUT_ID = [address.pattern for address in INNER if not address.takes_ids]
WORDS = ("auswahl", "suche", "arbeit", "nummer")
IDS = ("praxis", "person", "record", "vorgang", "practice", "patient", "dentist")
SORTS = ("sortierung",)


@pytest.fixture
def both(anna: Any, bert: Any) -> tuple[Marked, Marked]:
    return fill(anna, marker_of("ANNA"), 28), fill(bert, marker_of("BERT"), 3)


def answered(client: Any, address: str, name: str, value: str) -> tuple[Any, ...]:
    """The answer without the word that was asked for."""
    status, headers, body = shown(client.get(address, {name: value, "status": "alle", "namen": "1"}))
    headers.pop("Set-Cookie", None)
    for spelling in {value, value.lower(), *(value.replace(" ", space) for space in ("+", "%20", "-"))}:
        body = body.replace(spelling, "WORT")
    if address == "/protokoll/":  # reading the trail is itself an entry, so no two pages are alike
        body = re.sub(r"<tbody>.*</tbody>|<nav class=\"pager\".*?</nav>", "", body, flags=re.S)
    if address.startswith("/konto/anmeldung/"):  # a challenge or a new secret for each request
        body = re.sub(r"<main.*</main>", "", body, flags=re.S)
    if address == "/sitzung/":  # the seconds that are left
        body = re.sub(r'_s": \d+', "", body)
    if address == "/anmelden/passkey/":
        body = re.sub(r'"(challenge|note)": "[^"]*"', "", body)
    return status, headers, body


def test_every_parameter_that_a_page_reads_is_tried_here():
    source = "\n".join(path.read_text() for path in Path(dentatool.__file__).parent.rglob("*.py"))
    read = set(re.findall(r"request\.GET\.get(?:list)?\(\s*\"(\w+)\"", source)) | set(
        re.findall(r"GET\.get\(key", source)
    )
    # A formula is checked against the words of formulas alone; `weiter` belongs to signing in and to the purpose of reading the trail.
    known = {
        *WORDS,
        *IDS,
        *SORTS,
        "seite",
        "vor",
        "nach",
        "status",
        "monat",
        "namen",
        "formula",
        "weiter",
        *("schein", "zeitraum"),  # the state page: near addresses and a signed link alone; test_state_page.py
        *("code", "iss", "state"),  # what an identity provider answers; tests/protection/access/test_openid_attacks.py
        "GET.get(key",
    }
    assert read - known == set()
    assert len(READ_WITHOUT_ID) > 15


def test_words_of_anna_find_nothing(both):
    anna, _ = both
    client = both[1].lab.reading_trail("owner")
    with anna.lab.at_work():
        from dentatool.orders.models import Order

        number = Order.objects.get(pk=anna.orders[0]).number
    absent = marker_of("ANNA")
    theirs = {
        anna.marker: absent,
        f"{anna.marker} Mustermann": f"{absent} Mustermann",
        anna.marker[4:9]: absent[4:9],
        number: f"{absent[:3]}-0",
    }
    for address, name in product(READ_WITHOUT_ID, WORDS):
        for word, nothing in theirs.items():
            found, none = answered(client, address, name, word), answered(client, address, name, nothing)
            assert found == none, f"{address}?{name}={word}"
        page = client.get(address, {name: anna.marker[:8]}).content.decode()
        assert anna.marker not in page


def test_ids_of_anna_are_like_ids_of_nobody(both):
    anna, bert = both
    client = bert.lab.reading_trail("owner")
    for address, name in product(READ_WITHOUT_ID, IDS):
        absent = answered(client, address, name, str(uuid4()))
        for key in (anna.practice, anna.orders[0], anna.invoice, anna.lab.owner.id, anna.lab.lab_id):
            assert answered(client, address, name, str(key)) == absent, f"{address}?{name}"
        assert anna.marker not in client.get(address, {name: str(anna.practice)}).content.decode()


TRAVERSALS = [
    *("practice__lab__name", "lab_id", "patient__name", "-patient__name_token", "dentist__practice__lab_id"),
    *("password", "account__password_hash", "?", "pk", "id", "version", "created_at", "-changed_at", "name_token"),
    *("practice__name__startswith", "1", "1; select 1", "(select name from practices_practice)", "nulls first"),
]


def test_no_other_column_than_the_offered_ones_sorts(both):
    """Sorting by a secret tells its order; by a path through other records, theirs."""
    client = both[1].lab.reading_trail("owner")
    plains = {address: client.get(address) for address in READ_WITHOUT_ID}
    for key, (address, plain) in product(TRAVERSALS, plains.items()):
        asked = client.get(address, {"sortierung": key})
        assert asked.status_code in {400, 404, 405, plain.status_code}, address
        if asked.status_code == 200:  # this page does not sort, or offers this very column
            offered = re.findall(r'sortierung=(-?[\w.]+)"', plain.content.decode())
            assert key.removeprefix("-") in offered or "sortierung" not in plain.content.decode(), f"{address} {key}"


def test_no_list_offers_to_sort_by_a_sealed_column(both):
    client = both[1].lab.reading_trail("owner")
    sealed = ("name", "birth_date", "allergies", "remarks", "display_name", "number_reason")
    for column, address in product(sealed, ("/patienten/", "/auftraege/", "/protokoll/")):
        page = client.get(address, {"sortierung": column})
        assert page.status_code == 400 or f'sortierung={column}"' not in page.content.decode(), address
        if address == "/patienten/":
            assert page.status_code == 400


def test_counts_and_pages_are_berts_own(both):
    """Anna has 28 orders on two pages, Bert three on one: neither the count nor a second page tells of hers."""
    _, bert = both
    client = bert.lab.reading_trail("owner")
    for address in ("/auftraege/?status=alle", "/patienten/?", "/leistungen/?"):
        first, second = client.get(address), client.get(f"{address}&seite=2")
        assert second.status_code == 400, address
        assert "Seite 1 von" not in first.content.decode()
    assert re.search(
        r"\b3\b", re.findall(r"pager-count\">([^<]*)<", client.get("/auftraege/?status=alle").content.decode())[0]
    )
    tiles = re.findall(r"tile-figure\">(\d+)<", client.get("/").content.decode())
    assert tiles and all(int(figure) <= 3 for figure in tiles)


def test_suggestions_while_typing_know_only_berts(both):
    anna, bert = both
    client = bert.lab.reading_trail("owner")
    absent = marker_of("ANNA")
    for word, nothing in ((anna.marker, absent), (anna.marker[:6], absent[:4] + "ZZ"), ("Mustermann", None)):
        found = client.post("/auftraege/neu/patienten/", {"suche": word}).json()["patients"]
        assert all(bert.marker in patient["name"] for patient in found)
        if nothing:
            assert found == client.post("/auftraege/neu/patienten/", {"suche": nothing}).json()["patients"] == []
    of_practice = client.post("/auftraege/neu/patienten/", {"suche": bert.marker, "praxis": str(anna.practice)}).json()
    assert of_practice == {"patients": []}
    number = client.get("/auftraege/neu/nummer/", {"nummer": "565901-4711-ZE-20260015-1-6"}).json()
    assert anna.marker not in str(number) and str(anna.practice) not in str(number)


def test_bert_finds_his_own_by_the_same_words(both):
    """So it is the laboratory that is told apart above, not a search that finds nothing."""
    _, bert = both
    client = bert.lab.reading_trail("owner")
    for address in (
        "/auftraege/?status=alle&namen=1&suche=",
        "/patienten/?suche=",
        "/praxen/?suche=",
        "/rechnungen/?suche=",
    ):
        page = client.get(f"{address}{bert.marker}").content.decode()
        assert bert.marker in re.sub(r'value="[^"]*"', "", page), address
