"""Taking in an order: the form and what its fields ask while they are typed."""

from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.timezone import localdate
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.catalogue.models import ServiceChain
from dentatool.kit.errors import NotYet
from dentatool.orders.choosing import practice_label
from dentatool.orders.formed import take_in
from dentatool.orders.forms import IntakeForm
from dentatool.orders.intake import practice_at
from dentatool.orders.models import Order, Patient
from dentatool.orders.order_page import tell_receipt
from dentatool.orders.patients import search_patients
from dentatool.practices.models import Practice
from dentatool.protection.access import Permission, page
from dentatool.values.days import format_day
from dentatool.values.order_number import OrderNumber, check, normalise
from dentatool.values.shade import KNOWN


@page(Permission.ORDERS_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The intake page. Sent twice, it gives one order."""
    if request.method != "POST":
        start = {"received_on": localdate(), "intake_key": uuid4(), "shipments": 1}
        return _form_page(request, IntakeForm(initial=start))
    form = IntakeForm(request.POST)
    if form.is_valid():
        try:
            order = take_in(form)
        except NotYet as reason:
            form.add_error(None, str(reason))
        else:
            _tell(request, order)
            tell_receipt(request, form.received_for_due)
            _tell_number(request, order, form.pseudonym_taken)
            return redirect(order)
    return _form_page(request, form, status=422)


@page(Permission.ORDERS_CHANGE)
@require_safe
def number(request: HttpRequest) -> JsonResponse:
    """What is known about a typed Auftragsnummer: normalised, problems, practice, patient."""
    typed = request.GET.get("nummer", "")[:200]
    found = check(typed)
    answer: dict[str, object] = {"number": normalise(typed)}
    if not isinstance(found, OrderNumber):
        return JsonResponse(answer | {"problems": [str(problem) for problem in found]})
    practice = practice_at(found.location)
    answer |= {"problems": [], "area": found.area, "pseudonym": found.pseudonym, "location": found.location}
    if practice is not None:
        answer["practice"] = {"id": str(practice.pk), "label": practice_label(practice)}
        known = Patient.objects.filter(practice=practice, pseudonym=found.pseudonym).order_by("id").first()
        if known is not None and request.may(Permission.PATIENTS_VIEW):  # type: ignore[attr-defined]
            answer["patient"] = _patient_facts(known)
    twin = Order.objects.filter(order_number=str(found)).order_by("id").first()
    if twin is not None:
        answer["twin"] = {"number": twin.number, "address": twin.get_absolute_url()}
    return JsonResponse(answer)


@page(Permission.PATIENTS_VIEW)
@require_POST
def patients(request: HttpRequest) -> JsonResponse:
    """Patients whose name or number fits. By POST: names do not belong into addresses."""
    text, practice = request.POST.get("suche", "").strip()[:120], request.POST.get("praxis", "")
    if len(text) < 2:
        return JsonResponse({"patients": []})
    found = search_patients(text, _uuid(practice), limit=8)
    return JsonResponse({"patients": [_patient_facts(patient) for patient in found]})


def _tell(request: HttpRequest, order: Order) -> None:
    if order.was_sent_before:
        messages.info(
            request,
            f"Dieses Formular war schon gesendet; daraus ist Auftrag {order.number} entstanden. "
            "Für einen weiteren Auftrag bitte „Neuer Auftrag“ öffnen.",
        )
        return
    messages.success(request, f"Auftrag {order.number} ist angelegt.")
    if (stranger := order.stranger) is not None:
        messages.warning(
            request,
            f"Die Standortnummer {order.order_number[:6]} gehört bisher zur Praxis {practice_label(stranger)}. "
            "Bitte prüfen, ob Praxis und Auftragsnummer zusammenpassen.",
        )


def _tell_number(request: HttpRequest, order: Order, taken: str) -> None:
    """Say which Patientennummer came from the Auftragsnummer, so that a slip is noticed at once."""
    if taken and order.patient is not None and order.patient.pseudonym == taken:
        messages.info(
            request,
            f"Die Patientennummer war leer. Aus der Auftragsnummer wurde {taken} übernommen; "
            "bitte mit dem Auftragszettel vergleichen.",
        )


def _form_page(request: HttpRequest, form: IntakeForm, status: int = 200) -> HttpResponse:
    facts = {
        "form": form,
        "practices": [
            (practice.pk, practice_label(practice), practice.no_names)
            for practice in Practice.objects.filter(active=True).order_by("name")
        ],
        "works": ServiceChain.objects.filter(active=True).order_by("name").values_list("name", flat=True),
        "shades": KNOWN,
        "dentists": [(dentist.pk, dentist.practice_id) for dentist in form.fields["dentist"].queryset],
    }
    return render(request, "orders/new.html", facts, status=status)


def _patient_facts(patient: Patient) -> dict[str, str]:
    return {
        "id": str(patient.pk),
        "name": patient.name,
        "pseudonym": patient.pseudonym,
        "birth": format_day(patient.birth_date) if patient.birth_date else "",
        "insurance": patient.insurance,
        "practice": practice_label(patient.practice),
        "practice_id": str(patient.practice_id),
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
