"""The outbox: a message leaves after the commit, once, sealed at rest, and again later when the server does not take it."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.template import engines
from django.test import override_settings
from django.utils import timezone

from dentatool.kit import jobs, mail
from dentatool.kit.jobs import run_due_jobs
from dentatool.kit.mail import send
from dentatool.kit.models import Job, Mail
from dentatool.protection.access import Account
from harness.smtp import SENDER

LETTER = """Ihr neuer Zugang bei {{ laboratory }}

Guten Tag {{ name }},

öffnen Sie {{ link }}
"""


@pytest.fixture(autouse=True)
def template(tmp_path, monkeypatch):
    """A slice's message, where slices keep theirs."""
    folder = tmp_path / "mail" / "kit-test"
    folder.mkdir(parents=True)
    (folder / "letter.txt").write_text(LETTER)
    loader = engines["pages"].env.loader
    monkeypatch.setattr(loader, "searchpath", [*loader.searchpath, str(tmp_path)])


def write(lab, **facts):
    facts = {"laboratory": "Anna & Söhne", "name": "Jörg <Huber>", "link": "https://labor.example/x", **facts}
    with lab.at_work():
        return send("kit-test/letter", to=Account.objects.get(pk=lab.owner.id), **facts)


def stored(lab):
    with lab.at_work():
        (found,) = Mail.objects.all()
        return found.state, found.attempts, found.body, found.last_error


def test_a_message_reaches_the_mail_server_under_tls_as_plain_german_text(anna, post_office):
    write(anna)

    letter = post_office.wait_for(to=anna.owner.sign_in_name)

    assert letter.subject == "Ihr neuer Zugang bei Anna & Söhne"
    assert letter.text == "Guten Tag Jörg <Huber>,\n\nöffnen Sie https://labor.example/x\n"
    assert letter.links == ["https://labor.example/x"]
    assert letter.recipients == [anna.owner.sign_in_name]
    message = letter.message
    assert (message["From"], message["To"]) == (SENDER, anna.owner.sign_in_name)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert stored(anna) == ("sent", 1, "", "")


def test_a_message_is_delivered_once(anna, post_office):
    write(anna)
    post_office.wait_for(to=anna.owner.sign_in_name)

    with anna.at_work():
        (found,) = Mail.objects.all()
        jobs.enqueue("kit.send_mail", mail=str(found.pk))
    run_due_jobs(anna.lab_id)

    assert len(post_office.to(anna.owner.sign_in_name)) == 1


def test_nothing_is_sent_for_what_was_rolled_back(anna, post_office):
    def change_of_mind():
        with anna.at_work():
            send("kit-test/letter", to="wer@praxis.example", laboratory="A", name="B", link="c")
            raise KeyError

    with pytest.raises(KeyError):
        change_of_mind()
    write(anna)  # what could be seen
    post_office.wait_for(to=anna.owner.sign_in_name)

    assert post_office.to("wer@praxis.example") == []


def test_the_server_sees_neither_this_machines_name_nor_a_second_identity_at_the_second_try(
    anna, post_office, monkeypatch
):
    monkeypatch.setattr("socket.getfqdn", lambda *_: "geheimer-rechner.lan")
    write(anna)
    first = post_office.wait_for(to=anna.owner.sign_in_name)
    with anna.at_work():
        (found,) = Mail.objects.all()

    assert first.message["Message-ID"] == f"<{found.pk}@dentatool.example>"
    assert b"geheimer-rechner" not in first.raw


def test_what_a_server_refuses_is_tried_again_and_the_log_names_nobody(anna, post_office, caplog):
    post_office.answer = "451 not now, " + anna.owner.sign_in_name
    write(anna)

    post_office.deliver()

    state, attempts, body, error = stored(anna)
    assert (state, attempts, error) == ("waiting", 1, "SMTPDataError")
    assert "https://labor.example/x" in body
    assert anna.owner.sign_in_name not in caplog.text
    with anna.at_work():
        due = Job.objects.get(state="waiting").run_at - timezone.now()
    assert timedelta(seconds=10) < due <= timedelta(seconds=20)

    post_office.answer = "250 OK"
    come_due(anna)
    post_office.wait_for(to=anna.owner.sign_in_name)
    assert stored(anna) == ("sent", 2, "", "")


def test_after_the_last_try_a_message_is_given_up_and_its_text_erased(anna, post_office, caplog):
    post_office.answer = "554 never"
    write(anna)

    for _ in range(len(mail.TRIES) + 1):
        come_due(anna)
        run_due_jobs(anna.lab_id)

    assert stored(anna) == ("failed", len(mail.TRIES) + 1, "", "SMTPDataError")
    assert "is given up" in caplog.text
    with anna.at_work():
        assert not Job.objects.filter(state="waiting").exists()


def come_due(lab):
    with lab.at_work():
        Job.objects.filter(state="waiting").update(run_at=timezone.now())


def test_without_a_mail_server_messages_wait(anna):
    write(anna)

    run_due_jobs(anna.lab_id)

    state, attempts, _body, error = stored(anna)
    assert (state, attempts, error) == ("waiting", 1, "NoPostOffice")


def test_while_developing_a_message_is_a_file_that_only_its_owner_may_read(anna, tmp_path, caplog, capsys):
    var = tmp_path / "var"
    with override_settings(DENTATOOL_MAIL_INTO_FILES=True, DENTATOOL_VAR=var):
        write(anna)
        run_due_jobs(anna.lab_id)

    (file,) = (var / "mail").glob("*.eml")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert b"https://labor.example/x" in file.read_bytes()
    assert "labor.example" not in caplog.text + "".join(capsys.readouterr())
    assert stored(anna)[0] == "sent"


@pytest.mark.parametrize("sign", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x0b", "\x00", "\u202e"])
def test_no_fact_can_add_a_header_or_a_line(anna, post_office, sign):
    write(anna, laboratory=f"Anna{sign}Bcc: fremd@boese.example{sign}{sign}Text", name=f"A{sign}.{sign}RSET")

    letter = post_office.wait_for(to=anna.owner.sign_in_name)

    assert letter.recipients == [anna.owner.sign_in_name]
    assert letter.message["Bcc"] is None
    assert letter.subject.startswith("Ihr neuer Zugang bei Anna ")
    assert letter.text.splitlines()[1:] == ["", "öffnen Sie https://labor.example/x"]
    assert post_office.to("fremd@boese.example") == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "kein-at",
        "a@b.example, c@d.example",
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example c@d.example",
        "<a@b.example>",
    ],
)
def test_what_is_not_exactly_one_address_gets_no_message(anna, address):
    with anna.at_work():
        with pytest.raises(ValidationError):
            send("kit-test/letter", to=address, laboratory="A", name="B", link="c")

        assert not Mail.objects.exists()


def test_an_address_with_an_umlaut_domain_is_reached(anna, post_office):
    with anna.at_work():
        send("kit-test/letter", to="praxis@zähne.example", laboratory="A", name="B", link="c")

    assert post_office.wait_for(to="praxis@xn--zhne-loa.example").subject == "Ihr neuer Zugang bei A"


def test_at_rest_neither_address_nor_text_can_be_read_and_the_trail_never_learns_the_text(anna, post_office, superuser):
    write(anna, link="https://labor.example/geheimer-link")
    post_office.wait_for(to=anna.owner.sign_in_name)

    rows = superuser.execute("select m::text from kit_mail m where lab_id = %s", [anna.lab_id]).fetchall()
    trail = superuser.execute(
        "select action, changes from protection_entry where lab_id = %s and what = 'kit_mail' order by at",
        [anna.lab_id],
    ).fetchall()
    assert len(rows) == 1
    assert "geheimer-link" not in str(rows)
    assert anna.owner.sign_in_name not in str(rows)
    assert [(action, changes["body"]) for action, changes in trail] == [
        ("insert", ["geheim", "geheim"]),
        ("update", ["geheim", "geheim"]),
    ]
    assert anna.owner.sign_in_name not in str(trail)


def test_another_laboratory_has_no_part_in_a_message(anna, bert, post_office):
    found = write(anna)

    with bert.at_work():
        assert not Mail.objects.exists()
        jobs.enqueue("kit.send_mail", mail=str(found.pk))
    run_due_jobs(bert.lab_id)

    assert post_office.letters == []
    assert stored(anna)[:2] == ("waiting", 0)


def test_old_messages_are_deleted(anna, post_office, superuser, monkeypatch):
    write(anna)
    post_office.wait_for(to=anna.owner.sign_in_name)
    monkeypatch.setattr(jobs, "all_laboratories", lambda: [anna.lab_id])
    jobs.clean_up()
    assert stored(anna)[0] == "sent"

    monkeypatch.setattr(jobs, "KEPT_MAIL", timedelta(0))
    jobs.clean_up()

    with anna.at_work():
        assert not Mail.objects.exists()
