"""Charts of the samples: which there are, how numbers of minutes become points, and how points become SVG.

A point is the mean of its span, with the least and the most behind it as a band. A span without a sample is a gap in the
line, never a bridge. What is drawn is stretched to the page's width, so words and numbers stand beside it as HTML.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor, log10

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dentatool.operations.monitoring.measures import Sample

WIDTH, HEIGHT = 600, 120
SOON = timedelta(
    minutes=40
)  # between two samples further apart nothing is reckoned (a thinned day has one in 15 minutes)


@dataclass(frozen=True, slots=True)
class Span:
    """How far back, and how much is one point."""

    key: str
    words: str
    length: timedelta
    point: timedelta


SPANS = (
    Span("24h", "24 Stunden", timedelta(hours=24), timedelta(minutes=5)),
    Span("7t", "7 Tage", timedelta(days=7), timedelta(minutes=30)),
    Span("90t", "90 Tage", timedelta(days=90), timedelta(hours=6)),
)


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: a number of the samples (or the rate of a counter), its unit, and where it becomes bad."""

    title: str
    name: str
    unit: str
    scale: float = 1.0  # from the sample's unit to the shown one
    limit: float | str | None = None  # in the shown unit, or the name of a number of the samples
    is_floor: bool = False  # bad is below
    is_rate: bool = False  # of a counter, for each minute
    of: str = ""  # a share of this counter and `name` together


CHARTS = (
    Chart("Anfragen", "requests_total", "je Minute", is_rate=True),
    Chart("Dauer der Anfragen (95 von 100 sind schneller)", "request_p95_seconds", "ms", 1000, 1000),
    Chart("Fehlgeschlagene Anfragen", "requests_failed_total", "je Minute", limit=1, is_rate=True),
    Chart("Abgewiesene Anmeldungen", "sign_in_failures_total", "je Minute", limit=10, is_rate=True),
    Chart("Last", "load_1m", "Prozesse", limit="processors"),
    Chart("Freier Arbeitsspeicher", "memory_available_bytes", "GB", 1e-9, 0.3, is_floor=True),
    Chart("Freier Datenträger", "disk_free_bytes", "GB", 1e-9, 2, is_floor=True),
    Chart("Verbindungen zur Datenbank", "database_connections", "", limit="database_connections_max"),
    Chart("Älteste Transaktion", "database_oldest_transaction_seconds", "s", limit=60),
    Chart("Blöcke aus dem Zwischenspeicher", "database_blocks_hit_total", "%", 100, 90, is_floor=True, of="database_blocks_read_total"),
    Chart("Größe der Datenbank", "database_size_bytes", "MB", 1e-6),
    Chart("Älteste fällige Aufgabe", "jobs_oldest_due_seconds", "min", 1 / 60, 15),
    Chart("Älteste wartende Nachricht", "mail_oldest_seconds", "min", 1 / 60, 30),
    Chart("Warten auf das Siegel", "sealing_lag_seconds", "min", 1 / 60, 5),
    Chart("Alter der letzten Sicherung", "backup_age_seconds", "Std.", 1 / 3600, 26),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """One span: least, mean and most of its values."""

    least: float
    mean: float
    most: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart ready to show. Numbers are German text."""

    title: str
    unit: str
    now: str
    most: str
    least: str
    top: str
    limit: str
    is_bad: bool
    svg: SafeString


def drawn(samples: Sequence[Sample], span: Span, now: datetime) -> Iterator[Drawn]:
    """All charts that have anything to show."""
    for chart in CHARTS:
        values = list(values_of(chart, samples))
        if values:
            yield _draw(chart, values, _limit(chart, samples), span, now)


def values_of(chart: Chart, samples: Iterable[Sample]) -> Iterator[tuple[datetime, float, float]]:
    """Moment, value and largest value of each sample, in the shown unit."""
    before: Sample | None = None
    for sample in samples:
        if chart.name not in sample.values:
            continue
        if not (chart.is_rate or chart.of):
            value = sample.values[chart.name] * chart.scale
            yield sample.at, value, max(value, sample.values.get(f"max:{chart.name}", 0.0) * chart.scale)
        elif (rate := _reckoned(chart, before, sample)) is not None:
            yield sample.at, rate, rate
        before = sample


def _reckoned(chart: Chart, before: Sample | None, sample: Sample) -> float | None:
    """What a counter did between two samples; None when they are too far apart, or it began anew."""
    if before is None or sample.at - before.at > SOON:
        return None
    more = sample.values[chart.name] - before.values[chart.name]
    if more < 0:
        return None
    if not chart.of:
        minutes = (sample.at - before.at).total_seconds() / 60
        return more / minutes * chart.scale if minutes > 0 else None
    other = sample.values.get(chart.of, 0.0) - before.values.get(chart.of, 0.0)
    return more / (more + other) * chart.scale if more + other > 0 and other >= 0 else None


def points(values: Iterable[tuple[datetime, float, float]], span: Span, now: datetime) -> list[Point | None]:
    """One for each part of the span, oldest first; None where there is a gap."""
    count, begun = int(span.length / span.point), now - span.length
    parts: list[list[tuple[float, float]]] = [[] for _ in range(count)]
    for at, value, most in values:
        place = int((at - begun) / span.point)
        if 0 <= place < count:
            parts[place].append((value, most))
    return [
        Point(min(v for v, _ in part), sum(v for v, _ in part) / len(part), max(m for _, m in part)) if part else None
        for part in parts
    ]


def runs(found: Sequence[Point | None]) -> Iterator[tuple[int, list[Point]]]:
    """What lies between gaps: place of the first, and the points."""
    run: list[Point] = []
    for place, point in enumerate([*found, None]):
        if point is not None:
            run.append(point)
        elif run:
            yield place - len(run), run
            run = []


def _draw(
    chart: Chart, values: list[tuple[datetime, float, float]], limit: float | None, span: Span, now: datetime
) -> Drawn:
    found = points(values, span, now)
    most = max((point.most for point in found if point), default=0.0)
    least = min((point.least for point in found if point), default=0.0)
    # A limit far above would press the line to the ground: then it is told, not drawn.
    is_near = limit is not None and (limit <= 2.5 * most or chart.is_floor)
    top = round_up(max(most, limit if is_near and limit is not None else 0.0))
    last = values[-1][1]
    is_bad = limit is not None and (last < limit if chart.is_floor else last > limit)
    words = (
        f"{chart.title}, {span.words}: zuletzt {german(last)}, zwischen {german(least)} und {german(most)} {chart.unit}"
        + (f", Grenze {german(limit)}" if limit is not None else "")
    )
    return Drawn(
        chart.title, chart.unit, german(last), german(most), german(least), german(top),
        german(limit) if limit is not None else "", is_bad,
        _svg(found, top, limit if is_near else None, words.strip()),
    )  # fmt: skip


def _svg(found: Sequence[Point | None], top: float, limit: float | None, words: str) -> SafeString:
    step = WIDTH / len(found)

    def x(place: float) -> str:
        return f"{(place + 0.5) * step:.1f}"

    def y(value: float) -> str:
        return f"{HEIGHT - value / top * HEIGHT:.1f}"

    lines, bands = [], []
    for first, run in runs(found):
        if len(run) == 1:  # a lone point is a dash as wide as its span
            lines.append(f"M{x(first - 0.5)} {y(run[0].mean)}H{x(first + 0.5)}")
            continue
        at = [x(first + number) for number in range(len(run))]
        lines.append("M" + "L".join(f"{a} {y(point.mean)}" for a, point in zip(at, run, strict=True)))
        over = [f"{a} {y(point.most)}" for a, point in zip(at, run, strict=True)]
        under = [f"{a} {y(point.least)}" for a, point in zip(at, run, strict=True)]
        bands.append("M" + "L".join([*over, *reversed(under)]) + "Z")
    mark = (
        format_html('<line class="chart-limit" x1="0" x2="{}" y1="{}" y2="{}"/>', WIDTH, y(limit), y(limit))
        if limit is not None
        else SafeString("")
    )
    return format_html(
        '<svg class="chart" viewBox="0 0 {0} {1}" preserveAspectRatio="none" role="img" aria-label="{2}"><title>{2}</title>'
        '<path class="chart-grid" d="M0 {3}H{0}M0 {1}H{0}M0 0H{0}"/><path class="chart-band" d="{4}"/>'
        '<path class="chart-line" d="{5}"/>{6}</svg>',
        WIDTH, HEIGHT, words, HEIGHT / 2, "".join(bands), "".join(lines), mark,
    )  # fmt: skip


def _limit(chart: Chart, samples: Sequence[Sample]) -> float | None:
    if isinstance(chart.limit, str):
        return next((s.values[chart.limit] for s in reversed(samples) if chart.limit in s.values), None)
    return chart.limit


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20 …"""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** floor(log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= value * 0.999999)


def german(value: float) -> str:
    """Three digits that count: 1.234 · 12,3 · 0,045."""
    if value == 0:
        return "0"
    digits = max(0, min(3, 2 - floor(log10(abs(value)))))
    text = f"{value:,.{digits}f}"
    if digits:
        text = text.rstrip("0").rstrip(".")
    return text.replace(",", " ").replace(".", ",").replace(" ", ".")
