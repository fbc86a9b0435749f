"""/metrics: the numbers in Prometheus' text format, for addresses that may see them; for all others there is no such page."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dentatool import __version__
from dentatool.operations.monitoring.measures import MEASURES, Sample
from dentatool.operations.monitoring.requests import BUCKETS_S, Counted, counted, folder_of
from dentatool.operations.monitoring.series import newest
from dentatool.protection.access import PUBLIC, page

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FRESH = timedelta(minutes=5)
_PEER = "dentatool.peer"  # in the environ: who is connected to us (project/front.py)
_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


@page(PUBLIC, is_action=False, asks_who=False)
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Numbers of the whole installation."""
    require_near(request)
    var = Path(settings.DENTATOOL_VAR)
    lines = [*exposed(newest(var)), *exposed_requests(counted(folder_of(var)))]
    return HttpResponse("\n".join(lines) + "\n", content_type=CONTENT_TYPE)


def require_near(request: HttpRequest) -> None:
    """Raises Http404 unless the address is one of DENTATOOL_METRICS_FROM.

    What a proxy that nobody named passes on seems to come from this machine: it is never near.
    """
    address, peer = request.META.get("REMOTE_ADDR", ""), request.META.get(_PEER, "")
    is_passed_on = any(header in request.META for header in _FORWARDED)
    if (is_passed_on and not _is_in(peer, settings.DENTATOOL_TRUSTED_PROXIES)) or not _is_in(
        address, settings.DENTATOOL_METRICS_FROM
    ):
        raise Http404


def _is_in(address: str, networks: Iterable[object]) -> bool:
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in network for network in networks)  # type: ignore[operator]


def exposed(sample: Sample | None) -> Iterator[str]:
    """The newest sample, unless it is too old: what is not known now is not told as if it were."""
    yield from _head("dentatool_info", "gauge", "Version des Programms")
    yield f'dentatool_info{{version="{__version__}"}} 1'
    if sample is None:
        return
    yield from _head("dentatool_sample_timestamp_seconds", "gauge", "wann zuletzt gemessen wurde")
    yield f"dentatool_sample_timestamp_seconds {sample.at.timestamp():.3f}"
    if datetime.now(UTC) - sample.at > FRESH:
        return
    for each in MEASURES:
        if each.name in sample.values:
            yield from _head(f"dentatool_{each.name}", each.kind, each.words)
            yield f"dentatool_{each.name} {_number(sample.values[each.name])}"


def exposed_requests(found: list[Counted]) -> Iterator[str]:
    """A histogram by view and status."""
    name = "dentatool_request_duration_seconds"
    yield from _head(name, "histogram", "Anfragen nach Seite und Status, mit ihrer Dauer")
    for each in found:
        labels, so_far = f'view="{_escaped(each.view)}",status="{each.status or "andere"}"', 0
        for bound, count in zip((*BUCKETS_S, "+Inf"), each.buckets, strict=True):
            so_far += count
            yield f'{name}_bucket{{{labels},le="{bound}"}} {so_far}'
        yield f"{name}_sum{{{labels}}} {each.seconds:.6f}"
        yield f"{name}_count{{{labels}}} {so_far}"


def _head(name: str, kind: str, words: str) -> Iterator[str]:
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} {kind}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
