"""What is typed for a new token."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django import forms

from dentatool.kit.forms import Form
from dentatool.protection.access import Permission
from dentatool.protection.access.tokens import OFFERED
from dentatool.team.permission_words import WORDS

LIFETIMES = [("30", "30 Tage"), ("90", "90 Tage"), ("180", "180 Tage"), ("365", "1 Jahr")]


class TokenForm(Form):
    """What a new token is for, what it may do and how long. Only what the person holds is offered."""

    label = forms.CharField(label="Wofür", max_length=60)
    days = forms.ChoiceField(label="Gültig", choices=LIFETIMES, initial="90")
    scopes = forms.MultipleChoiceField(
        label="Rechte", error_messages={"required": "Bitte mindestens ein Recht wählen."}
    )

    def __init__(self, *args: Any, held: Collection[Permission], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["label"].widget.attrs.update(
            {"autocomplete": "off", "placeholder": "z. B. Anbindung Praxissoftware"}
        )
        self.fields["scopes"].choices = [(str(each), WORDS[each]) for each in OFFERED if each in held]  # type: ignore[attr-defined]

    @property
    def offered(self) -> list[tuple[str, str, bool]]:
        """Value, words and whether it is ticked."""
        ticked = set(self["scopes"].value() or ())
        return [(key, words, key in ticked) for key, words in self.fields["scopes"].choices]  # type: ignore[attr-defined]

    @property
    def lifetime(self) -> timedelta:
        return timedelta(days=int(self.cleaned_data["days"]))
