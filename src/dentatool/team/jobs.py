"""The worker's part: links for forgotten passwords at each look.

At night the trail forgets what is due, its checkpoint is mailed once a week, exports that nobody fetched go, accesses are
reviewed, and whoever has a token that will expire is told.
"""

from django.conf import settings

from dentatool.kit.jobs import each_round, job
from dentatool.kit.mail import send
from dentatool.protection.access import Account
from dentatool.protection.access.passwords import new_reset_token, take_reset_requests
from dentatool.protection.access.tokens import take_reminders
from dentatool.protection.audit.retention import expire_entries, expire_platform_events
from dentatool.protection.tenancy import laboratory
from dentatool.team.notices import tell_of_token_that_expires
from dentatool.team.reviews.nightly import look_after_reviews
from dentatool.team.trail import exporting
from dentatool.team.trail.witnessing import mail_checkpoint_when_due


@each_round
def send_reset_links() -> None:
    """Write to everybody who asked for a new password and has an account; only here it is known whose name was typed."""
    for lab_id, account_id in take_reset_requests():
        with laboratory(lab_id):
            account = Account.objects.get(pk=account_id)
            address = f"{settings.DENTATOOL_URL}/anmelden/neues-passwort/{new_reset_token(account)}/"
            send("team/reset", to=account, link=address)


@job("trail.expire", nightly=True)
def expire_trail() -> None:
    """What is due, in batches; the rest follows the next night."""
    expire_entries()
    expire_platform_events()  # of nobody's laboratory: the first of the night finds some, the others none
    exporting.forget_exports()


@job("trail.checkpoint", nightly=True)
def mail_checkpoint() -> None:
    """Once a week the owners get the signed checkpoint, so that it is in other hands than the provider's."""
    mail_checkpoint_when_due()


@job("team.review", nightly=True)
def review_accesses() -> None:
    """Open the half-yearly review when it is due, remind, and revoke what nobody answered for."""
    look_after_reviews()


@job("team.tokens", nightly=True)
def remind_of_tokens() -> None:
    """Tell owners two weeks and three days before a token expires."""
    for token in take_reminders():
        tell_of_token_that_expires(token)
