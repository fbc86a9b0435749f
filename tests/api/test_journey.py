"""From the order to invoice and XML, by a program alone: invoice A of the acceptance fixtures."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from lxml import etree

from dentatool.billing.kzbv_xml import check
from dentatool.catalogue.demo import fill as fill_catalogue
from dentatool.practices.demo import fill as fill_practices
from dentatool.team.demo import PROFILES

ROOT = Path(__file__).parents[2]
ORDER_NUMBER = "565901-4711-ZE-20260015-1-6"


@pytest.fixture
def lab(new_laboratory):
    """The demo laboratory Anna: its particulars, practices and price lists."""
    found = new_laboratory("Dentallabor Anna Brandl GmbH", **PROFILES["anna"])
    with found.at_work():
        fill_practices("anna")
        fill_catalogue("anna")
    return found


def test_a_program_takes_invoice_a_from_order_to_xml(lab):
    program = lab.program()

    number = program.get(f"orders/number?number={ORDER_NUMBER}").json()
    assert number["problems"] == []
    order = program.post(
        "orders",
        {
            "practice": number["practice"],
            "order_number": ORDER_NUMBER,
            "kind": "Unterfütterung, vollständig",
            "due_on": "2026-03-12",
        },
    )
    assert order.status_code == 201, order.content
    made = order.json()
    for state in ("in_arbeit", "fertig", "geliefert"):
        moved = program.post(f"orders/{made['id']}/steps", {"to": state})
        assert moved.status_code == 200, moved.content
    assert moved.json()["delivered_on"] == "2026-03-12"
    draft = program.post("invoices", {"order": made["id"]})
    assert draft.status_code == 201, draft.content
    place = f"invoices/{draft.json()['id']}"
    assert [each for each in program.get(f"{place}/findings").json()["items"] if each["is_error"]] == []
    issued = program.post(f"{place}/issue")
    assert issued.status_code == 200, issued.content
    assert [issued.json()[name] for name in ("net_cents", "vat_cents", "gross_cents")] == [10724, 751, 11475]
    assert program.get(f"{place}/pdf", Accept="application/pdf").content.startswith(b"%PDF-")
    xml = program.get(f"{place}/xml")
    assert xml.headers["Content-Disposition"] == f'attachment; filename="{ORDER_NUMBER}.xml"'
    assert b'Gesamtbetrag_brutto="11475"' in xml.content


@pytest.mark.slow
def test_the_commands_of_the_readme_do_it_with_curl_alone(lab, live_server, tmp_path):
    (commands,) = re.findall(r"```sh\n(ADRESSE=.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "var").symlink_to(os.environ["DENTATOOL_VAR"])
    given = {"ADRESSE": f"{live_server.url}/api/v1", "SCHLUESSEL": lab.token(), "PATH": os.environ["PATH"]}

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    findings, invoice = (json.loads(each) for each in done.stdout.replace("}{", "}\n{").splitlines())
    assert [each for each in findings["items"] if each["is_error"]] == []
    assert [invoice[name] for name in ("net_cents", "vat_cents", "gross_cents")] == [10724, 751, 11475]
    assert (tmp_path / "rechnung.pdf").read_bytes().startswith(b"%PDF-")
    data = (tmp_path / f"{ORDER_NUMBER}.xml").read_bytes()
    assert list(check(f"{ORDER_NUMBER}.xml", data).findings) == []
    told = etree.fromstring(data).find("Rechnung")
    assert (told.get("Laborlieferdatum"), told.get("Gesamtbetrag_brutto")) == ("2026-03-12", "11475")
