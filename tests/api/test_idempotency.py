"""A POST with an Idempotency-Key is done once, however often and from however many threads it is sent."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.utils import timezone

from dentatool.api.jobs import forget_answers
from dentatool.api.models import KEPT, KeptAnswer
from dentatool.kit.models import Job
from dentatool.practices.models import Practice
from harness.live import Line

NEW = {"customer_number": "1001", "name": "Praxis Dr. Weber"}


def test_sent_again_it_gets_the_same_answer(anna, program):
    first = program.post("practices", NEW, Idempotency_Key="zettel-1")
    again = program.post("practices", NEW, Idempotency_Key="zettel-1")

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert [again.headers[name] for name in ("ETag", "Location", "Content-Type")] == [
        first.headers[name] for name in ("ETag", "Location", "Content-Type")
    ]
    assert (again.headers["Idempotency-Replayed"], first.has_header("Idempotency-Replayed")) == ("true", False)
    with anna.at_work():
        assert Practice.objects.count() == 1


def test_for_something_else_the_key_is_refused(program):
    program.post("practices", NEW, Idempotency_Key="zettel-1")

    other = program.post("practices", {**NEW, "customer_number": "1002"}, Idempotency_Key="zettel-1")
    elsewhere = program.post("articles", NEW, Idempotency_Key="zettel-1")

    assert (other.status_code, elsewhere.status_code) == (422, 422)
    assert other.json()["title"] == "Dieser Idempotency-Key gehört zu einer anderen Anfrage"


def test_what_was_refused_may_be_tried_again(program):
    wrong = program.post("practices", {**NEW, "name": ""}, Idempotency_Key="zettel-1")
    right = program.post("practices", NEW, Idempotency_Key="zettel-1")

    assert (wrong.status_code, right.status_code) == (422, 201)


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256, "\t"])
def test_what_is_no_key_is_refused(program, key):
    assert program.post("practices", NEW, Idempotency_Key=key).status_code == 400


def test_each_token_and_each_laboratory_has_its_own_keys(anna, bert):
    answers = [each.program().post("practices", NEW, Idempotency_Key="1") for each in (anna, bert)]
    answers.append(anna.program().post("practices", {**NEW, "customer_number": "1002"}, Idempotency_Key="1"))

    assert [each.status_code for each in answers] == [201, 201, 201]
    assert not [each for each in answers if each.has_header("Idempotency-Replayed")]


def test_the_kept_answer_is_sealed_and_forgotten_after_a_day(anna, program, superuser):
    practice = program.post("practices", {**NEW, "remarks": "klingelt zweimal"}, Idempotency_Key="zettel-1")
    stored = superuser.execute("select t::text from api_keptanswer t where lab_id = %s", [anna.lab_id]).fetchall()
    assert len(stored) == 1 and b"klingelt".hex() not in str(stored) and "zettel-1" not in str(stored)

    with anna.at_work():
        (waiting,) = Job.objects.filter(name="api.forget_answers")
        assert waiting.run_at > timezone.now() + KEPT - timedelta(minutes=1)
        superuser.execute("set session_replication_role = replica")  # past the trigger that keeps the stamp
        superuser.execute(
            "update api_keptanswer set created_at = now() - interval '25 hours' where lab_id = %s", [anna.lab_id]
        )
        superuser.execute("set session_replication_role = origin")
        forget_answers()
        assert KeptAnswer.objects.count() == 0
    assert practice.status_code == 201


@pytest.mark.slow
def test_twenty_at_once_make_one_order(anna, live_server, program, practice):
    """Against the real server: one does it, the others wait and get its answer."""
    token = program.token
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": "zettel-7"}
    body = json.dumps({"practice": practice["id"], "kind": "Krone", "patient_name": "Käthe Müller"})

    def send(_number):
        line = Line(live_server)
        try:
            return line.send("POST", "/api/v1/orders", body, headers)
        finally:
            line.close()

    with ThreadPoolExecutor(20) as many:
        answers = list(many.map(send, range(20)))

    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert sum("idempotency-replayed" not in {name.lower() for name in answer.headers} for answer in answers) == 1
    assert len(program.get("orders").json()["items"]) == 1
    assert len(program.get("patients").json()["items"]) == 1
