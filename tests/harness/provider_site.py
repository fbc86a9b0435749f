"""An independent OpenID Connect provider (django-oauth-toolkit), as a site of its own in a process of its own.

It knows the people of `people.json` and the clients that are posted to /clients; both belong to the test, everything
else is the library's. Started by harness.identity.
"""

# ruff: noqa: E402 - Django can be imported in full only once it is set up

import json
import os
from pathlib import Path

import django
from django.conf import settings

FOLDER = Path(os.environ["PROVIDER_FOLDER"])

settings.configure(
    SECRET_KEY="a provider for tests",
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "provider.sqlite3"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    AUTHENTICATION_BACKENDS=[f"{__name__}.KnownPeople"],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    LOGIN_URL="/login",
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": os.environ["PROVIDER_ISSUER"],
        "OIDC_RSA_PRIVATE_KEY": (FOLDER / "signing.pem").read_text(),
        "SCOPES": {"openid": "who you are", "email": "your address"},
        "PKCE_REQUIRED": True,
        "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
        "ID_TOKEN_EXPIRE_SECONDS": 300,
        "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
    },
)
django.setup()

from django.contrib.auth import authenticate, get_user_model, login
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import include, path
from django.utils.html import format_html
from oauth2_provider.models import get_application_model
from oauth2_provider.oauth2_validators import OAuth2Validator


def person(name):
    """What the test says about this person."""
    return json.loads((FOLDER / "people.json").read_text()).get(name)


class KnownPeople:
    """Sign-in by the test's list."""

    def authenticate(self, request, username=None, password=None):
        known = person(username)
        if known is None or known["password"] != password:
            return None
        return get_user_model().objects.get_or_create(username=username)[0]

    def get_user(self, pk):
        return get_user_model().objects.filter(pk=pk).first()


class Validator(OAuth2Validator):
    """The library's, with the claims of the test's list."""

    oidc_claim_scope = None

    def get_additional_claims(self, request):
        return {"sub": f"person-{request.user.pk}", **person(request.user.username)["claims"]}


def sign_in(request):
    if request.method == "POST":
        user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
        if user is not None:
            login(request, user)
            return redirect(request.GET["next"])
    return HttpResponse(
        format_html(
            '<form method="post"><label>Name <input name="username"></label>'
            '<label>Passwort <input name="password" type="password"></label><button>Anmelden</button></form>'
        )
    )


def new_client(request):
    facts = json.loads(request.body)
    application = get_application_model()
    application.objects.filter(client_id=facts["client_id"]).delete()
    application.objects.create(
        **facts,
        client_type="confidential",
        authorization_grant_type="authorization-code",
        algorithm="RS256",
        skip_authorization=True,
    )
    return JsonResponse({})


urlpatterns = [
    path("", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("login", sign_in),
    path("clients", new_client),
]

if not (FOLDER / "provider.sqlite3").exists():
    call_command("migrate", verbosity=0)
application = get_wsgi_application()
