"""Headers that Django does not send by itself."""

from collections.abc import Callable
from functools import cache
from http import HTTPStatus

from csp.constants import HEADER
from csp.middleware import CheckableLazyObject, CSPMiddleware
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers

from dentatool.kit.csp import REPORTS
from dentatool.kit.errors import error_page

_FIXED = {
    # A laboratory needs a camera later (scanning tickets); everything else stays off.
    "Permissions-Policy": "accelerometer=(), camera=(self), geolocation=(), gyroscope=(), magnetometer=(), "
    "microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
    "Reporting-Endpoints": f'csp="{REPORTS}"',
}


class Headers:
    """Middleware: pages with people's data are kept by no cache, and no other site may embed them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and not response.content:
            response = _not_this_way(request, response.headers["Allow"])
        for name, value in _FIXED.items():
            response.headers.setdefault(name, value)
        # no-store: after signing out, the back button must not show a patient (security.md, sessions).
        response.headers.setdefault("Cache-Control", "no-store")
        patch_vary_headers(response, ["Cookie", "HX-Request"])
        return response


class Policy(CSPMiddleware):
    """django-csp with one policy for all pages, so that it is put together once and not twice for each answer."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        nonce = getattr(request, "_csp_nonce", None)
        response.headers.setdefault(HEADER, _policy(with_nonce=True).replace(_NONCE, nonce) if nonce else _policy())
        if nonce is None:  # asked for from now on, it would stand in no header: that is loud, as in django-csp
            request.csp_nonce = CheckableLazyObject(self._csp_nonce_post_response)  # type: ignore[attr-defined]
        return response


_NONCE = "0" * 22


@cache
def _policy(*, with_nonce: bool = False) -> str:
    return build_policy(nonce=_NONCE if with_nonce else None)


def _not_this_way(request: HttpRequest, allowed: str) -> HttpResponse:
    """A page instead of Django's empty answer to, say, a reload of what only a form may send."""
    response = error_page(
        request, 405, "So lässt sich diese Adresse nicht öffnen",
        "Sie gehört zu einem Formular und ist keine Seite für sich.", "Gehen Sie zurück und nutzen Sie den Knopf dort.",
    )  # fmt: skip
    response.headers["Allow"] = allowed
    return response
