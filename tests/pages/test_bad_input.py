"""Whatever anybody types, wherever: a German answer below 500, nothing stored when refused, nothing typed is lost.

Forms, their fields and the words of the address are read off the pages themselves, so a new page is tried by itself.
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from lxml import html

from pages.test_matrix import INNER, records_of

VALUES = [
    "",
    " ",
    "\0",
    "a\0b",
    "-1",
    "0",
    "1" + "0" * 30,
    "-1" + "0" * 30,
    "9" * 400,
    "1e400",
    "NaN",
    "Infinity",
    "1,2,3",
    "0x1F",
    "٣٤",
    "31.02.2026",
    "01.01.0000",
    "31.12.99999",
    "2026-13-45",
    "x" * 10_000,
    "'; drop table orders_order; --",
    '"><script>window.owned=1</script>',
    "{{ 7*7 }}{% debug %}",
    "../../../../etc/passwd",
    "\r\nSet-Cookie: a=b",
    "\u202edlog\u200b\ufeff",
    "👩‍🔬🦷" * 20,
    "ä" * 121,
    "00000000-0000-0000-0000-000000000000",
    "not-a-uuid",
    "=1+1|cmd",
    "%s%n%d",
]
QUERY_BYTES = ["%00", "%ff%fe", "%ED%A0%80", "%C0%AF", "%", "%zz", *(quote(value) for value in VALUES)]
ENGLISH = [
    *("This field", "Enter a valid", "Ensure this", "Select a valid choice", "is not a valid", "Traceback"),
    *("Bad Request", "Not Found", "Forbidden", "Server Error", "value too long", "out of range", "null character"),
]
NOT_TYPED = {"csrfmiddlewaretoken", "version", "intake_key"}
SOAK = bool(os.environ.get("DENTATOOL_SOAK"))
EACH_FIELD = len(VALUES) if SOAK else 4


@dataclass(frozen=True)
class Found:
    """A form as the page shows it."""

    page: str
    action: str
    fields: tuple[tuple[str, str], ...]
    typed: frozenset[str]
    files: frozenset[str]

    @property
    def key(self) -> tuple[str, frozenset[str]]:
        return urlsplit(self.action).path, frozenset(name for name, _value in self.fields)


def forms_on(page: str, content: bytes, method: str) -> Iterator[Found]:
    """The page's forms of this method, each field with what the browser would send."""
    if not content.strip():
        return
    document = html.document_fromstring(content)
    for form in document.forms:
        if form.method.lower() != method:
            continue
        controls = [each for each in form.inputs if each.name]
        typed = {
            each.name
            for each in controls
            if each.tag == "textarea" or (each.tag == "input" and each.get("type", "text") in ("text", "search", ""))
        }
        files = {each.name for each in controls if each.get("type") == "file"}
        fields = tuple((name, value or "") for name, value in form.form_values() if name not in files)
        yield Found(page, form.get("action") or page, fields, frozenset(typed), frozenset(files))


@pytest.fixture
def at_home(anna: Any) -> tuple[Any, dict[str, Any]]:
    records = records_of(anna)
    client = anna.client("owner")
    client.raise_request_exception = False
    return client, records


def test_no_word_in_an_address_breaks_a_page(at_home):
    client, records = at_home
    tried = 0
    for address in INNER:
        page = address.filled(records)
        first = client.get(page)
        words = {"seite", "suche", "sort", "weiter", "unbekannt"}
        if first["Content-Type"].startswith("text/html") and first.content:
            for form in forms_on(page, first.content, "get"):
                words |= {name for name, _value in form.fields} | form.typed
            for link in html.document_fromstring(first.content).xpath("//a/@href"):
                if urlsplit(link).path in ("", page):
                    words |= {name for name, _value in parse_qsl(urlsplit(link).query)}
        for place, word in enumerate(sorted(words)):
            # Of pages with words of their own every word with every value; `make test` deals the values out to the words.
            for value in QUERY_BYTES if SOAK and len(words) > 5 else QUERY_BYTES[place :: len(words)]:
                answer = client.generic("GET", f"{page}?{word}={value}&{word}=2")
                require_civil(answer, f"GET {page}?{word}={value[:60]}")
                tried += 1
    assert tried > (4000 if SOAK else 1000), tried


def test_whatever_is_typed_into_a_form_is_stored_or_refused_in_german(at_home, superuser, anna):
    client, records = at_home
    cycle = itertools.cycle(VALUES)
    seen, tried, refused, wrong = set(), 0, 0, []
    for address in INNER:
        page = address.filled(records)
        for found in list(post_forms(client, page)):
            if found.key in seen or not (names := fuzzed(found)):
                continue
            seen.add(found.key)
            for name, value in [(name, next(cycle)) for name in names for _ in range(EACH_FIELD)]:
                current = next((each for each in post_forms(client, page) if each.key == found.key), found)
                sent = {**dict(current.fields), name: value}
                sent |= {file: SimpleUploadedFile("a\0/../b.csv", value.encode()) for file in found.files}
                before = rows_written(superuser, anna)
                answer = client.post(current.action, sent)
                what = f"POST {urlsplit(current.action).path} {name}={value[:40]!r}"
                require_civil(answer, what)
                tried += 1
                if answer.status_code < 400:
                    continue
                refused += 1
                assert rows_written(superuser, anna) == before, f"{what}: refused and yet stored"
                if answer.status_code == 422 and name in found.typed and not kept(answer, name, value):
                    wrong.append(what)
    assert not wrong, "what was typed is lost:\n" + "\n".join(wrong)
    assert len(seen) > 20
    assert tried > 300
    assert refused > 100


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"a": 1}'),
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nohne Ende'),
        ("multipart/form-data; boundary=" + "x" * 300, b"x"),
        ("application/x-www-form-urlencoded; charset=utf-16", b"\xff\xfea"),
        ("application/x-www-form-urlencoded; charset=gibtesnicht", b"name=a"),
        ("application/x-www-form-urlencoded", b"name=%ff%ed%a0%80&%00=%00"),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % n for n in range(10_000))),
        ("application/x-www-form-urlencoded", b"name=" + b"x" * 20_000_000),
        ("text/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
    ],
)
def test_bodies_that_are_no_forms_are_refused_in_german(at_home, superuser, anna, content_type, body):
    client, records = at_home
    before = rows_written(superuser, anna)
    # A step without fields is a deed by itself: whatever the body says, it may well be done.
    for name in ("practice_new", "order_new", "article_new", "price_import", "order_edit"):
        for address in (each for each in INNER if each.name == name):
            answer = client.generic("POST", address.filled(records), body, content_type=content_type)
            require_civil(answer, f"POST {address.pattern} {content_type}")
            assert answer.status_code >= 400, f"{address.pattern} {content_type}: {answer.status_code}"
    assert rows_written(superuser, anna) == before


def post_forms(client: Any, page: str) -> Iterator[Found]:
    answer = client.get(page)
    if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
        yield from forms_on(page, answer.content, "post")


def fuzzed(found: Found) -> list[str]:
    """Fields worth trying. Forms without any are deeds, signing out among them: they are tried elsewhere."""
    return [name for name in dict(found.fields) if name not in NOT_TYPED] + sorted(found.files)


def require_civil(answer: Any, what: str) -> None:
    """Below 500, and every refusal a whole German page."""
    assert answer.status_code < 500, f"{what}: {answer.status_code}"
    if answer.status_code < 400 or not answer.content:
        return
    assert answer["Content-Type"].startswith(("text/html", "text/plain; charset=utf-8")), f"{what}: {answer.headers}"
    page = answer.content.decode()
    found = [phrase for phrase in ENGLISH if phrase in page]
    assert not found, f"{what}: {answer.status_code} speaks English: {found}"
    if answer["Content-Type"].startswith("text/html") and "<html" in page:
        assert 'lang="de"' in page, what


def kept(answer: Any, name: str, value: str) -> bool:
    """Whether the typed value stands in the form again. NUL cannot stand in a page; line ends may be normalised."""
    for field in html.document_fromstring(answer.content).xpath(
        "//input[@name=$name]|//textarea[@name=$name]", name=name
    ):
        shown = field.get("value") if field.tag == "input" else field.text
        if plain(shown or "") == plain(value):
            return True
    return False


def plain(text: str) -> str:
    return "".join(sign for sign in text.replace("\r", "") if sign not in "\0\ufffd\n").strip()


def rows_written(superuser: Any, lab: Any) -> int:
    """How many changes of rows the laboratory's trail holds."""
    question = (
        "select count(*) from protection_entry where lab_id = %s and kind = 'row' and what <> 'protection_session'"
    )
    return superuser.execute(question, [lab.lab_id]).fetchone()[0]
