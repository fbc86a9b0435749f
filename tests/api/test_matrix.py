"""Every operation × every role × {own, foreign practice, foreign laboratory, absent, nobody}, generated from the program.

An operation at a new part of the API fails here until RECORDS (records.py) says whose id it takes. Only owner and office may
use programs; everybody else's token is worth nothing, so their row of the matrix is one answer.
"""

from uuid import uuid4

import pytest

from api.records import RECORDS, filled, of_another_practice, records_of
from dentatool.api.operation import OPERATIONS
from dentatool.protection.access import Account, Permission, Role
from dentatool.protection.access.internal.roles import PERMISSIONS_OF
from dentatool.protection.access.tokens import OFFERED
from dentatool.protection.tenancy import laboratory
from harness.laboratories import Program
from pages.test_matrix import OWN_ROLE, ROLES, fingerprint, permissions_of

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
WITH_IDS = [one for one in OPERATIONS if "{" in one.path]
ABSENT = {name: uuid4() for name in {*RECORDS.values(), "position"}}
ANYTHING = {"If_Match": "*"}


WITH_PROGRAMS = [role for role in ROLES if Permission.API_USE in permissions_of(role)]
WITHOUT = [role for role in ROLES if role not in WITH_PROGRAMS]
ALL = ("own", "practice", "laboratory", "absent")  # whose records are asked for


def scene(anna, bert):
    """Records of each column, for Anna's people."""
    own = records_of(anna)
    return dict(zip(ALL, (own, of_another_practice(anna, own), records_of(bert), ABSENT), strict=True))


def program_of(lab, role, own):
    """A program of a real person with this role, with a token for everything; one of a practice belongs to these records'."""
    who = "reader" if role == OWN_ROLE else role
    if role == OWN_ROLE:
        with laboratory(lab.lab_id):
            Account.objects.filter(pk=lab.member(who).id).update(role="eigene-annahme")
    if role == Role.PRACTICE:
        lab.practice_person(own["practice"])
    return lab.program(who)


def told(answer):
    """An answer as a program sees it."""
    return answer.status_code, dict(answer.headers), answer.content


def test_every_operation_with_an_id_says_whose():
    for one in WITH_IDS:
        filled(one.path, ABSENT)
    assert len(WITH_IDS) > 35


def test_no_operation_needs_what_no_token_may_hold():
    assert {one.permission for one in OPERATIONS} == set(OFFERED)


def test_every_operation_says_what_it_does():
    assert [one.name for one in OPERATIONS if not one.summary] == []


def test_the_matrix_has_a_row_for_each_role():
    assert {*WITH_PROGRAMS, *WITHOUT} == {*Role.values, OWN_ROLE}
    assert WITH_PROGRAMS == [Role.OWNER, Role.OFFICE]


@pytest.mark.parametrize("role", WITH_PROGRAMS)
def test_berts_people_get_for_annas_records_what_they_get_for_none(role, anna, bert, superuser):
    """Status, headers and body alike to the byte, and nothing of Anna's changes."""
    foreign = records_of(anna)
    program = bert.program(role)
    before = fingerprint(superuser, anna.lab_id)

    for one in WITH_IDS:
        theirs = program.ask(one.method, filled(one.path, foreign), {} if one.takes else None, **ANYTHING)
        nothing = program.ask(one.method, filled(one.path, ABSENT), {} if one.takes else None, **ANYTHING)
        assert told(theirs) == told(nothing), f"{one.method} {one.path}"
        assert theirs.status_code == (422 if one.takes and one.takes.required else 404), f"{one.method} {one.path}"

    assert fingerprint(superuser, anna.lab_id) == before


@pytest.mark.parametrize("role", WITHOUT)
def test_whoever_may_use_no_programs_gets_one_answer_for_everything(role, anna, bert, superuser):
    """Own or foreign, there or not, with or without the right: the answer of nobody, to the byte."""
    columns = scene(anna, bert)
    program, nobody = program_of(anna, role, columns["own"]), Program("")
    before = fingerprint(superuser, anna.lab_id), fingerprint(superuser, bert.lab_id)

    for one in OPERATIONS:
        answers = [
            told(who.ask(one.method, filled(one.path, records), {}, **ANYTHING))
            for who, records in [*((program, columns[each]) for each in ALL), (nobody, columns["own"])]
        ]
        assert answers[0][0] == 401, f"{role} {one.method} {one.path}"
        assert all(each == answers[0] for each in answers), f"{role} {one.method} {one.path}"

    assert (fingerprint(superuser, anna.lab_id), fingerprint(superuser, bert.lab_id)) == before


@pytest.mark.parametrize("role", WITH_PROGRAMS)
def test_to_the_laboratorys_own_people_every_practice_is_alike(role, anna, bert):
    columns = scene(anna, bert)
    program = program_of(anna, role, columns["own"])

    for one in WITH_IDS:
        if one.method == "GET":
            own, other = (program.get(filled(one.path, columns[each])).status_code for each in ("own", "practice"))
            assert own == other in (200, 409), f"{role} {one.path}"


def test_even_with_a_program_a_practice_would_see_its_own_alone(anna, bert, superuser, monkeypatch):
    """Nobody gives practices this right. If somebody did: foreign is absent, byte for byte, of practices as of laboratories."""
    columns = scene(anna, bert)
    held = PERMISSIONS_OF[Role.PRACTICE] | {Permission.API_USE}
    monkeypatch.setitem(PERMISSIONS_OF, Role.PRACTICE, held)
    program = program_of(anna, Role.PRACTICE, columns["own"])
    before = fingerprint(superuser, anna.lab_id)
    served = []

    for one in WITH_IDS:
        own, practice, foreign, nothing = (
            told(program.ask(one.method, filled(one.path, columns[each]), {} if one.takes else None, **ANYTHING))
            for each in ALL
        )
        assert practice == foreign == nothing, f"{one.method} {one.path}"
        assert nothing[0] == (404 if one.permission in held else 403), f"{one.method} {one.path}: {nothing[0]}"
        served.append(own[0])

    assert served.count(200) > 2  # its own order is shown
    assert str(columns["practice"]["order"]) not in program.get("orders").content.decode()
    assert fingerprint(superuser, anna.lab_id) == before


def test_annas_ids_in_a_body_get_bert_the_error_of_absent_ones(anna, bert, superuser):
    foreign, own = records_of(anna), records_of(bert)
    program = bert.program()
    before = fingerprint(superuser, anna.lab_id)
    tried = 0

    for one in OPERATIONS:
        for name, kind in (one.takes.kinds if one.takes else {}).items():
            if kind.schema.get("format") != "uuid":
                continue
            address = filled(one.path, own)
            for record_id in foreign.values():
                sent = [{name: str(each), **_needed(one, name, own)} for each in (record_id, uuid4())]
                theirs, nothing = (program.ask(one.method, address, each, If_Match="*") for each in sent)
                assert told(theirs) == told(nothing), f"{one.method} {one.path} {name}"
                tried += 1
            assert theirs.status_code in (200, 422), f"{one.method} {one.path} {name}: {theirs.content}"

    assert tried > 50
    assert fingerprint(superuser, anna.lab_id) == before


def _needed(one, name, own):
    """Something for the other fields that must be there."""
    usual = {"practice": str(own["practice"]), "kind": "Krone", "search": "Huber", "pseudonym": "4711"}
    return {each: usual[each] for each in one.takes.required if each != name}


def test_a_line_of_anna_is_not_reached_through_berts_order(anna, bert):
    foreign, own = records_of(anna), records_of(bert)
    program = bert.program()

    for one in WITH_IDS:
        if "position_pk" in one.path:
            address = filled(one.path, {**own, "position": foreign["position"]})
            assert program.ask(one.method, address, {} if one.takes else None, **ANYTHING).status_code == 404


@pytest.mark.parametrize("role", Role.values)
def test_each_role_may_what_its_permissions_say_and_nothing_else(anna, role, superuser):
    own = records_of(anna)
    program = anna.program("owner", PERMISSIONS_OF[role])
    before = fingerprint(superuser, anna.lab_id)

    for one in OPERATIONS:
        address = filled(one.path, own)
        if one.permission not in PERMISSIONS_OF[role]:
            assert program.ask(one.method, address, {}, **ANYTHING).status_code == 403, f"{one.method} {one.path}"
        elif one.method == "GET":
            expected = (200, 409) if one.path.endswith("/xml") else (200,)  # a draft has no file yet
            assert program.ask("GET", address).status_code in expected, f"{one.path}"
        else:  # without a body or the state that it needs: refused for that, not for the permission
            answer = program.ask(one.method, address, ["no object"])
            assert answer.status_code in (200, 400, 409, 422, 428), f"{one.method} {one.path}: {answer.status_code}"

    if Permission.ORDERS_CHANGE not in PERMISSIONS_OF[role]:
        assert fingerprint(superuser, anna.lab_id) == before


def test_nobody_is_served_anything(anna, superuser):
    own = records_of(anna)
    before = fingerprint(superuser, anna.lab_id)
    nobody = Program("")

    for one in OPERATIONS:
        for method in METHODS:
            assert nobody.ask(method, filled(one.path, own), {}, **ANYTHING).status_code == 401, f"{method} {one.path}"

    assert fingerprint(superuser, anna.lab_id) == before


def test_reading_changes_nothing(anna, superuser):
    own = records_of(anna)
    program = anna.program()
    before = fingerprint(superuser, anna.lab_id)

    for one in OPERATIONS:
        for method in ("GET", "HEAD", "OPTIONS"):
            assert program.ask(method, filled(one.path, own)).status_code < 500

    assert fingerprint(superuser, anna.lab_id) == before


def test_a_method_that_nobody_declared_says_which_there_are(anna):
    own, program = records_of(anna), anna.program()

    for path in {one.path for one in OPERATIONS}:
        declared = {one.method for one in OPERATIONS if one.path == path}
        offered = {*declared, "OPTIONS", *({"HEAD"} if "GET" in declared else ())}
        for method in METHODS:
            answer = program.ask(method, filled(path, own), {}, **ANYTHING)
            assert (answer.status_code == 405) == (method not in offered), f"{method} {path}: {answer.status_code}"
            if method not in declared and method != "HEAD":
                assert set(answer.headers["Allow"].split(", ")) == offered
