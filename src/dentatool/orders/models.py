"""Patients, orders, their teeth and positions. Rules live in workflow, rules and pricing; deeds in actions."""

from datetime import date
from typing import ClassVar

from django.db import models
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from dentatool.kit.addresses import url
from dentatool.orders.workflow import LABELS, OPEN, PAUSED, SETTLED, TONES, State
from dentatool.practices.models import Dentist, Practice
from dentatool.protection.tenancy import PracticeScope, Record
from dentatool.protection.vault import SealedDate, SealedText
from dentatool.values.money import signed_amount

STATES = [(state.value, label) for state, label in LABELS.items()]
AREAS = [("ZE", "Zahnersatz (ZE)"), ("KB", "Kiefergelenk und Kieferbruch (KB)"), ("KFO", "Kieferorthopädie (KFO)")]


class Insurance(models.TextChoices):
    """Who pays; decides whether there is a Laborabrechnungsdaten XML."""

    STATUTORY = "gkv", _("Gesetzlich (GKV)")
    PRIVATE = "pkv", _("Privat (PKV)")
    CARE = "heilfuersorge", _("Heilfürsorge")
    SELF = "selbst", _("Selbstzahler")


class Care(models.TextChoices):
    """Versorgungsform."""

    REGULAR = "regel", _("Regelversorgung")
    SIMILAR = "gleichartig", _("Gleichartig")
    DIFFERENT = "andersartig", _("Andersartig")
    PRIVATE = "privat", _("Privat")
    REPAIR = "reparatur", _("Reparatur")
    GOODWILL = "kulanz", _("Kulanz")


class NumberState(models.TextChoices):
    """What is known about the Auftragsnummer. Only a valid or an overridden one goes into an XML."""

    VALID = "gueltig", _("gültig")
    MISSING = "fehlt", _("fehlt")
    WRONG = "falsch", _("falsch")
    OVERRIDDEN = "frei", _("trotz Fehler freigegeben")


class Art(models.TextChoices):
    """Kinds of positions, as the Laborabrechnungsdaten name them; text lines stay on paper."""

    BEL = "BEL", _("BEL-Leistung")
    NBL = "NBL", _("Eigene Leistung")
    EDM = "EDM", _("Edelmetall")
    MAT = "MAT", _("Material")
    RBT = "RBT", _("Nachlass")
    TEXT = "TEXT", _("Textzeile")


class Patient(Record):
    """Whose mouth the work is for. The practice's number is enough; a name is optional and always sealed."""

    practice = models.ForeignKey(Practice, models.PROTECT, verbose_name=_("Praxis"))
    name = SealedText(_("Name"), search=True, blank=True)
    birth_date = SealedDate(_("Geburtsdatum"), null=True, blank=True)
    pseudonym = models.CharField(_("Patientennummer der Praxis"), max_length=40, blank=True)
    insurance = models.CharField(_("Versicherung"), max_length=20, choices=Insurance, default=Insurance.STATUTORY)
    allergies = SealedText(_("Allergien und Materialausschlüsse"), blank=True)
    remarks = SealedText(_("Bemerkungen"), blank=True)

    practice_scope: ClassVar[PracticeScope] = PracticeScope(by="practice")

    class Meta:
        verbose_name, verbose_name_plural = _("Patient"), _("Patienten")
        ordering = ["pseudonym", "id"]
        indexes = [
            models.Index(fields=["lab_id", "practice", "pseudonym"], name="patient_by_pseudonym"),
            models.Index(fields=["lab_id", "pseudonym", "id"], name="patient_by_number"),  # the list, as it is sorted
        ]

    def __str__(self) -> str:
        return self.pseudonym or f"Patient {str(self.pk)[-6:]}"


class OrderQuerySet(models.QuerySet["Order"]):
    """Filters with a trade name."""

    def open(self) -> "OrderQuerySet":
        return self.filter(state__in=[state.value for state in OPEN])

    def without_valid_number(self) -> "OrderQuerySet":
        return self.filter(number_state__in=[NumberState.MISSING, NumberState.WRONG])


class Order(Record):
    """What a practice has ordered and where the work stands."""

    number = models.CharField(_("Auftrag"), max_length=12, editable=False)
    practice = models.ForeignKey(Practice, models.PROTECT, verbose_name=_("Praxis"))
    dentist = models.ForeignKey(Dentist, models.PROTECT, null=True, blank=True, verbose_name=_("Behandler"))
    patient = models.ForeignKey(Patient, models.PROTECT, null=True, blank=True, verbose_name=_("Patient"))
    order_number = models.CharField(_("Auftragsnummer"), max_length=50, blank=True)
    number_state = models.CharField(_("Stand der Auftragsnummer"), max_length=8, choices=NumberState, default="fehlt")
    number_reason = SealedText(_("Grund der Freigabe"), blank=True, max_length=500)
    area = models.CharField(_("Bereich"), max_length=3, choices=AREAS, default="ZE")
    care = models.CharField(_("Versorgungsform"), max_length=12, choices=Care, default=Care.REGULAR)
    kind = models.CharField(_("Art der Arbeit"), max_length=80, blank=True)
    shade = models.CharField(_("Zahnfarbe"), max_length=40, blank=True)
    tray = models.CharField(_("Schale"), max_length=20, blank=True)
    teeth_text = models.CharField(_("Zähne"), max_length=200, blank=True, editable=False)
    received_on = models.DateField(_("Eingang"), default=localdate)
    due_on = models.DateField(_("Liefertermin"), null=True, blank=True)
    delivered_on = models.DateField(_("Geliefert am"), null=True, blank=True)
    state = models.CharField(_("Status"), max_length=16, choices=STATES, default=State.RECEIVED.value)
    came_from = models.CharField(_("Status davor"), max_length=16, choices=STATES, blank=True, editable=False)
    reason = SealedText(_("Grund"), blank=True)
    remarks = SealedText(_("Bemerkungen"), blank=True)
    intake_key = models.UUIDField(_("Formular"), null=True, editable=False)
    was_sent_before = False  # while it is taken in: the form had come before, this is what it made then
    stranger: Practice | None = None  # while it is taken in: the other practice known for its location number

    objects = OrderQuerySet.as_manager()
    practice_scope: ClassVar[PracticeScope] = PracticeScope(by="practice")

    class Meta:
        verbose_name, verbose_name_plural = _("Auftrag"), _("Aufträge")
        ordering = ["due_on", "id"]
        constraints = [
            models.UniqueConstraint(fields=["lab_id", "number"], name="order_number_once"),
            models.UniqueConstraint(fields=["lab_id", "intake_key"], name="order_intake_once"),
            models.CheckConstraint(
                name="order_due_not_before_receipt",
                condition=models.Q(due_on__isnull=True) | models.Q(due_on__gte=models.F("received_on")),
            ),
        ]
        indexes = [
            models.Index(fields=["lab_id", "due_on", "id"], name="order_by_due"),
            # The worklist: without it the planner may walk through years of closed orders to find the first 25 open ones.
            models.Index(
                fields=["lab_id", "due_on", "id"],
                condition=models.Q(state__in=sorted(state.value for state in OPEN)),
                name="order_open_by_due",
            ),
            models.Index(fields=["lab_id", "state", "due_on"], name="order_by_state"),
            models.Index(fields=["lab_id", "order_number"], name="order_by_order_number"),
            models.Index(fields=["lab_id", "tray"], name="order_by_tray"),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return url("order", self.pk)

    @property
    def state_now(self) -> State:
        return State(self.state)

    @property
    def state_label(self) -> str:
        return LABELS[State(self.state)]

    @property
    def state_tone(self) -> str:
        return TONES[State(self.state)]

    @property
    def is_settled(self) -> bool:
        """Billed, closed or cancelled: positions stay as they are."""
        return State(self.state) in SETTLED

    @property
    def is_paused(self) -> bool:
        return State(self.state) in PAUSED

    @property
    def has_valid_number(self) -> bool:
        return self.number_state == NumberState.VALID

    @property
    def number_for_xml(self) -> str:
        """The Auftragsnummer that a practice's file may carry; empty while it is missing or wrong."""
        return self.order_number if self.number_state in (NumberState.VALID, NumberState.OVERRIDDEN) else ""

    @property
    def is_number_overridden(self) -> bool:
        return self.number_state == NumberState.OVERRIDDEN

    @property
    def priced_on(self) -> date:
        """The day whose prices count: delivery, else the day it is due, else today."""
        return self.delivered_on or self.due_on or localdate()

    def is_overdue(self, today: date) -> bool:
        return self.due_on is not None and self.due_on < today and State(self.state) in OPEN - {State.FINISHED}


class OrderTooth(Record):
    """One tooth of an order and what it is to carry."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="teeth", verbose_name=_("Auftrag"))
    tooth = models.PositiveSmallIntegerField(_("Zahn"))
    part = models.CharField(_("Versorgung"), max_length=20, blank=True)

    practice_scope: ClassVar[PracticeScope] = PracticeScope(by="order")

    class Meta:
        verbose_name, verbose_name_plural = _("Zahn"), _("Zähne")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["lab_id", "order", "tooth"], name="order_tooth_once")]

    def __str__(self) -> str:
        return f"{self.tooth}:{self.part}" if self.part else str(self.tooth)


class Position(Record):
    """One line of an order: the draft of the invoice's line. Money in cents, quantity in thousandths."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="positions", verbose_name=_("Auftrag"))
    rank = models.PositiveIntegerField(_("Reihenfolge"), default=0)
    art = models.CharField(_("Art"), max_length=4, choices=Art, default=Art.BEL)
    number = models.CharField(_("Nummer"), max_length=20, blank=True)
    text = models.CharField(_("Text"), max_length=120)
    price_cents = models.IntegerField(_("Einzelpreis"), default=0)
    quantity_milli = models.IntegerField(_("Menge"), default=1000)
    vat_permille = models.PositiveSmallIntegerField(_("Mehrwertsteuer"), default=70)
    tooth = models.CharField(_("Zahn"), max_length=60, blank=True)
    price_list = models.ForeignKey(
        "catalogue.PriceList", models.PROTECT, null=True, blank=True, editable=False, verbose_name=_("Preisliste")
    )
    price_valid_from = models.DateField(_("Preis gültig ab"), null=True, editable=False)
    manual = models.BooleanField(_("Preis von Hand"), default=False)

    practice_scope: ClassVar[PracticeScope] = PracticeScope(by="order")

    class Meta:
        verbose_name, verbose_name_plural = _("Position"), _("Positionen")
        ordering = ["rank", "id"]
        indexes = [models.Index(fields=["lab_id", "order", "rank"], name="position_by_rank")]
        constraints = [
            models.CheckConstraint(
                name="position_number_iff_bel",
                condition=~models.Q(art="BEL") | models.Q(number__regex=r"^[0-9]{4}$"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.text}".strip()

    @property
    def amount_cents(self) -> int:
        """What the line adds to the net sum; discounts subtract, text lines count nothing."""
        return signed_amount(self)


class OrderCounter(Record):
    """The last order number of a year. Gaps are allowed, doubles are not."""

    year = models.PositiveSmallIntegerField(_("Jahr"))
    last = models.PositiveIntegerField(_("Zuletzt vergeben"), default=0)

    audit_skip: ClassVar[dict[str, str]] = {"last": "Die vergebene Nummer steht am Auftrag selbst."}

    class Meta:
        verbose_name, verbose_name_plural = _("Auftragszähler"), _("Auftragszähler")
        constraints = [models.UniqueConstraint(fields=["lab_id", "year"], name="order_counter_once_a_year")]

    def __str__(self) -> str:
        return f"{self.year}: {self.last}"
