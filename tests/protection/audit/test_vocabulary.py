"""Nothing reaches the trail without a topic, a time to be kept, and German words."""

import ast

import pytest
from django.apps import apps

from dentatool.protection.audit.vocabulary import FACTS, WORDS
from dentatool.protection.tenancy import Record
from protection.audit.recorded import Recorded, _in_python, everything_recorded

RECORDED = everything_recorded()
# The recorders themselves hand on what they are given.
HANDED_ON = ("protection/access/internal/gate.py", "protection/audit/internal/events.py")


def test_every_audited_table_is_in_the_vocabulary():
    tables = {m._meta.db_table for m in apps.get_models() if issubclass(m, Record) and m.audited}

    assert tables - set(WORDS) == set()


@pytest.mark.parametrize("found", RECORDED, ids=lambda found: f"{found.name} {found.place}")
def test_every_event_is_in_the_vocabulary_with_its_facts(found: Recorded):
    if not found.name:
        assert found.place.startswith(HANDED_ON), f"{found.place}: the name of an event is a constant"
        return
    assert WORDS[found.name].german, f"{found.place}: add {found.name} to protection/audit/vocabulary.py"
    assert found.facts - set(FACTS) == set(), f"{found.place}: add these facts to FACTS"


def test_the_reading_of_the_program_finds_what_it_should():
    """Sabotage: an unknown name and a made-up one, in each of the ways to record."""
    program = """
record_event("brand.new", order, colour="red")
request.after_rollback.append(("another.new", {"shade": 1}))
record_platform_event(f"{x}.new")
"""
    found = list(_in_python(ast.parse(program), "x.py"))

    assert [(each.name, each.facts) for each in found] == [
        ("brand.new", {"colour"}), ("another.new", {"shade"}), ("", set()),
    ]  # fmt: skip
    assert len(RECORDED) > 15
