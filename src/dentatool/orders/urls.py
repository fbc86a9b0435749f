"""Addresses of orders and patients."""

from django.urls import path

from dentatool.kit.lists import Column
from dentatool.kit.pages import record_pages
from dentatool.orders import bulk_views, intake_views, number_views, position_views, views
from dentatool.orders.forms import PatientForm
from dentatool.orders.models import Patient
from dentatool.orders.patient_pages import orders_of, patients_found
from dentatool.protection.access import Permission

urlpatterns = [
    path("auftraege/", views.worklist, name="order_list"),
    path("auftraege/neu/", intake_views.new, name="order_new"),
    path("auftraege/schritt/", bulk_views.move, name="order_move_many"),
    path("auftraege/neu/nummer/", intake_views.number, name="order_new_number"),
    path("auftraege/neu/patienten/", intake_views.patients, name="order_new_patients"),
    path("auftraege/<uuid:pk>/", views.order, name="order"),
    path("auftraege/<uuid:pk>/bearbeiten/", views.edit, name="order_edit"),
    path("auftraege/<uuid:pk>/status/", views.step, name="order_step"),
    path("auftraege/<uuid:pk>/verlauf/", views.history, name="order_history"),
    path("auftraege/<uuid:pk>/freigabe/", number_views.override, name="order_number_override"),
    path("auftraege/<uuid:pk>/freigabe/zuruecknehmen/", number_views.withdraw, name="order_number_withdraw"),
    path("auftraege/<uuid:pk>/kette/", position_views.chain, name="order_chain"),
    path("auftraege/<uuid:pk>/preise/", position_views.prices, name="order_prices"),
    path("auftraege/<uuid:pk>/leistung/", position_views.suggest, name="order_service"),
    path("auftraege/<uuid:pk>/positionen/", position_views.add, name="position_new"),
    path("auftraege/<uuid:pk>/positionen/<uuid:position_pk>/", position_views.change, name="position"),
    path("auftraege/<uuid:pk>/positionen/<uuid:position_pk>/entfernen/", position_views.remove, name="position_remove"),
    path("auftraege/<uuid:pk>/positionen/<uuid:position_pk>/verschieben/", position_views.move, name="position_move"),
    *record_pages(
        Patient,
        form=PatientForm,
        base="/patienten/",
        columns=[
            Column("pseudonym", "Nummer der Praxis", sort=True),
            Column("name", "Name"),
            Column("birth_date", "Geboren", phone=False),
            Column("practice", "Praxis", sort="practice__name"),
            Column("insurance", "Versicherung", phone=False),
        ],
        search=patients_found,
        order=("pseudonym", "id"),
        # Not joined: the planner would start from the practices and sort every patient (orders/queries.py, Rows).
        queryset=lambda: Patient.objects.prefetch_related("practice"),
        extra=orders_of,
        templates={"record": "orders/patient.html"},
        permission_view=Permission.PATIENTS_VIEW,
        permission_change=Permission.PATIENTS_CHANGE,
    ),
]
