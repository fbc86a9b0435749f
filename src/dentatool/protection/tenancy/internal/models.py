"""The laboratories of the platform."""

from django.conf import settings
from django.db import models

from dentatool.protection.tenancy.internal.record import Id, new_id

SHORTEST_IDLE, LONGEST_IDLE = 5, 60  # minutes


class FactorRule(models.TextChoices):
    """What a laboratory asks for besides the password (Kanidm's ladder: any < second factor < passkey)."""

    OPTIONAL = "optional", "freiwillig"
    REQUIRED = "required", "verlangt"
    PASSKEY = "passkey", "Passkey verlangt"

    @classmethod
    def allowed(cls) -> list["FactorRule"]:
        """What a laboratory may choose: the provider's least for all laboratories, and what is stricter."""
        ladder = list(cls)
        return ladder[ladder.index(cls(settings.DENTATOOL_LEAST_FACTOR_RULE)) :]

    @classmethod
    def in_force(cls, chosen: str) -> "FactorRule":
        """What holds where a laboratory has chosen this. Whoever reads the column asks here."""
        allowed = cls.allowed()
        return cls(chosen) if chosen in allowed else allowed[0]


class Laboratory(models.Model):
    """One laboratory (tenant). Its id is the lab_id of all its records; it sees this row only."""

    id = Id(primary_key=True, default=new_id, editable=False)
    name = models.CharField("Labor", max_length=120)
    idle_minutes = models.PositiveSmallIntegerField("Abmeldung nach Minuten ohne Bedienung", default=15)
    factor_rule = models.CharField(
        "Zweiter Faktor",
        max_length=10,
        choices=FactorRule.choices,
        default=FactorRule.OPTIONAL,
        db_default=FactorRule.OPTIONAL,
    )
    active = models.BooleanField("Aktiv", default=True)
    created_at = models.DateTimeField("Angelegt", auto_now_add=True)

    class Meta:
        verbose_name, verbose_name_plural = "Labor", "Labore"
        constraints = [
            # security.md section 7: 15 minutes by default, 5 to 60 per laboratory.
            models.CheckConstraint(
                name="idle_in_range", condition=models.Q(idle_minutes__range=(SHORTEST_IDLE, LONGEST_IDLE))
            ),
            models.CheckConstraint(
                name="factor_rule_known", condition=models.Q(factor_rule__in=["optional", "required", "passkey"])
            ),
        ]

    def __str__(self) -> str:
        return self.name
