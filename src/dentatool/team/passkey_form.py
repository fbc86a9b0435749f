"""What a page's script sends back of a passkey."""

from django import forms

from dentatool.kit.forms import Form

LONGEST_ANSWER = 20_000


class PasskeyAnswer(Form):
    """The browser's answer, and the note that the offer came with."""

    note = forms.CharField(label="Vorgang", max_length=4_000, widget=forms.HiddenInput)
    answer = forms.CharField(label="Passkey", max_length=LONGEST_ANSWER, widget=forms.HiddenInput)
