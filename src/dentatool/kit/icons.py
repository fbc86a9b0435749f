"""Our own icons: strokes on a 24 × 24 grid, written into the page (no request, coloured by the text)."""

from functools import cache

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

_SHAPES = {
    "overview": '<path d="M4 13h7V4H4zM13 20h7v-9h-7zM4 20h7v-4H4zM13 8h7V4h-7z"/>',
    "orders": '<path d="M6 4h12v16H6zM9 4v3h6V4M9 11h6M9 15h4"/>',
    "patients": '<circle cx="12" cy="8" r="3.5"/><path d="M5 20c.5-4 3.2-6 7-6s6.5 2 7 6"/>',
    "practices": '<path d="M5 20V6l7-3 7 3v14M3 20h18M12 8v6M9 11h6M10 20v-3h4v3"/>',
    "invoices": '<path d="M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6"/>',
    "prices": '<path d="M4 12V4h8l8 8-8 8zM8 8h.01"/>',
    "articles": '<path d="M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9"/>',
    "chains": '<path d="M10 8H7a4 4 0 0 0 0 8h3M14 8h3a4 4 0 0 1 0 8h-3M8.5 12h7"/>',
    "trail": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7v5l3.5 2"/>',
    "laboratory": '<path d="M9 3h6M10 3v6l-5 9a2 2 0 0 0 1.8 3h10.4a2 2 0 0 0 1.8-3l-5-9V3M7.5 15h9"/>',
    "search": '<circle cx="11" cy="11" r="6.5"/><path d="M16 16l4.5 4.5"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "close": '<path d="M6 6l12 12M18 6L6 18"/>',
    "check": '<path d="M5 12.5l4.5 4.5L19 7.5"/>',
    "menu": '<path d="M4 7h16M4 12h16M4 17h16"/>',
    "account": '<circle cx="12" cy="12" r="8.5"/>'
    '<circle cx="12" cy="10" r="2.7"/><path d="M6.5 18.2c1-2.5 3-3.7 5.5-3.7s4.5 1.2 5.5 3.7"/>',
    "sign-out": '<path d="M14 4H6v16h8M10 12h10M16.5 8.5L20 12l-3.5 3.5"/>',
    "keyboard": '<path d="M3 7h18v10H3zM6.5 10.5h.01M10 10.5h.01M14 10.5h.01M17.5 10.5h.01M8 14h8"/>',
    "chevron-down": '<path d="M6 9.5l6 6 6-6"/>',
    "chevron-left": '<path d="M14.5 6l-6 6 6 6"/>',
    "chevron-right": '<path d="M9.5 6l6 6-6 6"/>',
    "arrow-up": '<path d="M12 19V5M6.5 10.5L12 5l5.5 5.5"/>',
    "arrow-down": '<path d="M12 5v14M6.5 13.5L12 19l5.5-5.5"/>',
    "edit": '<path d="M4 20l1-4.5L16 4.5l3.5 3.5-11 11zM13.5 7l3.5 3.5"/>',
    "delete": '<path d="M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5"/>',
    "copy": '<path d="M9 9h11v11H9zM15 9V4H4v11h5"/>',
    "download": '<path d="M12 4v11M7 10.5l5 5 5-5M5 20h14"/>',
    "upload": '<path d="M12 16V5M7 9.5l5-5 5 5M5 20h14"/>',
    "print": '<path d="M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z"/>',
    "filter": '<path d="M4 5h16l-6.5 7.5V19l-3-1.5v-5z"/>',
    "info": '<circle cx="12" cy="12" r="8.5"/><path d="M12 11v5.5M12 7.5h.01"/>',
    "warning": '<path d="M12 4l9 16H3zM12 10v4.5M12 17.2h.01"/>',
    "lock": '<path d="M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3M12 14.5v2"/>',
    "key": '<circle cx="8" cy="12" r="4"/><path d="M12 12h9M18 12v3.5M15 12v2.5"/>',
    "laptop": '<path d="M5 5h14v10H5zM2.5 19h19M9 19l.5-1.5h5L15 19"/>',
    "draft": '<path d="M6 3h8l4 4v14H6zM14 3v4h4M9 13h3M9 17h6"/>',
    "calendar": '<path d="M4 6h16v14H4zM4 10.5h16M8.5 3.5V8M15.5 3.5V8"/>',
    "history": '<path d="M4 5v5h5M4.5 10a8.5 8.5 0 1 1-.5 4M12 8v4.5l3 2"/>',
    "tooth": '<path d="M8 4c-3 0-4 2.5-3.5 5.5.5 2.5 1.5 3 1.8 6 '
    '.3 2.5.7 4.5 1.9 4.5 1.8 0 1.5-5.5 3.8-5.5s2 5.5 3.8 5.5c1.2 0 1.6-2 '
    '1.9-4.5.3-3 1.3-3.5 1.8-6C20 6.5 19 4 16 4c-1.7 0-2.5 1-4 1S9.7 4 8 4z"/>',
    "external": '<path d="M13 5h6v6M19 5l-9 9M17 14v5H5V7h5"/>',
}  # fmt: skip


def has_icon(name: str) -> bool:
    """Whether there is an icon of this name."""
    return name in _SHAPES


@cache
def icon(name: str, size: str = "") -> SafeString:
    """The icon as SVG, hidden from screen readers: the text beside it says what it means.

    :raises KeyError: for a name that does not exist.
    """
    shape = mark_safe(_SHAPES[name])  # noqa: S308 - our own constant above
    return format_html(
        '<svg class="icon{}" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false">{}</svg>',
        f" icon-{size}" if size else "",
        shape,
    )
