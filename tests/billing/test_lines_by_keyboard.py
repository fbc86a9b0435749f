"""A draft worked at with the keyboard in a real browser, up to the issued invoice."""

import re

from dentatool.billing.actions import draft_invoice
from dentatool.billing.models import Invoice


def sign_in(page, member):
    page.goto("/anmelden/")
    page.get_by_label("Anmeldename").fill(member.sign_in_name)
    page.get_by_label("Passwort").fill(member.password)
    page.keyboard.press("Enter")
    page.wait_for_selector(".rail", state="attached")


def test_amounts_follow_the_typing_and_the_invoice_says_the_same(anna, finished_order, browser_page):
    with anna.at_work():
        draft = draft_invoice(finished_order())
    page = browser_page
    sign_in(page, anna.member("office"))
    page.goto(f"/rechnungen/{draft.pk}/")
    amounts = page.locator("[data-amount]")
    assert amounts.all_inner_texts()[:2] == ["16,90", "104,55"]

    page.get_by_label("Zeile 1: Menge").fill("2,5")
    assert amounts.nth(0).inner_text() == "21,13"  # 2.5 × 8.45 = 21.125, half a cent goes up
    page.get_by_role("button", name="Zeile anfügen").click()
    page.keyboard.press("n")  # the select has the focus; a letter must not open the page of a new order
    page.get_by_label("Zeile 6: Art").select_option("RBT")
    page.get_by_label("Zeile 6: Leistung").fill("Nachlass")
    page.get_by_label("Zeile 6: Einzelpreis").fill("1,13")
    assert amounts.nth(5).inner_text() == "−1,13"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=Der Entwurf ist gespeichert.")
    page.get_by_role("button", name="Ausstellen").click()
    page.get_by_role("button", name="Jetzt ausstellen").press("Enter")
    page.wait_for_selector(f"text={re.escape('Unveränderlich')}")

    assert "133,27" in page.locator(".paper .invoice-total").inner_text()  # 124.55 net, 8.72 tax
    with anna.at_work():
        assert Invoice.objects.get(pk=draft.pk).gross_cents == 13327
