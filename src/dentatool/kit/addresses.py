"""Addresses by name, put together instead of searched for anew: a page with thirty links asks thirty times."""

from functools import cache
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

_STAND_INS = tuple(UUID(int=(0x5EED << 112) + number) for number in range(4))


def url(name: str, *args: object) -> str:
    """As `django.urls.reverse`, quicker when all arguments are ids. Raises NoReverseMatch."""
    if all(type(arg) is UUID for arg in args):
        return _pattern(name, len(args)).format(*args)
    return reverse(name, args=args)


@cache
def _pattern(name: str, count: int) -> str:
    address = reverse(name, args=_STAND_INS[:count]).replace("{", "{{").replace("}", "}}")
    for place, stand_in in enumerate(_STAND_INS[:count]):
        address = address.replace(str(stand_in), f"{{{place}}}")
    return address


def own_address(request: HttpRequest, target: str) -> str:
    """Only addresses of this very site; anything else leads to the start page."""
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=True)
    return target if safe and target.startswith("/") else "/"
