"""The style sheets and scripts of every page.

One link per file instead of `@import` (which would load them one after the other) or a bundle (which would need a
build step): over HTTP/2 they arrive together, and hashed names are cached for ever, so a change reloads one file.
"""

from functools import cache

from django.templatetags.static import static
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

STYLES = (
    "layers", "tokens", "reset", "base", "frame", "page-head", "button", "form", "filter", "table", "pager", "badge",
    "message", "empty", "dialog", "menu", "tabs", "facts", "history", "tile", "teeth", "error", "print",
)  # fmt: skip
SCRIPTS = ("keys", "forms", "rows", "menus", "scrolling", "session", "teeth")


@cache
def style_links() -> SafeString:
    """All style sheets as link elements."""
    return format_html_join(
        "\n", '<link rel="stylesheet" href="{}">', ((static(f"kit/css/{name}.css"),) for name in STYLES)
    )


def script_tags(nonce: str) -> SafeString:
    """All scripts as modules that the page's nonce admits."""
    return format_html_join(
        "\n",
        '<script type="module" src="{}" nonce="{}"></script>',
        ((address, nonce) for address in _script_addresses()),
    )


@cache
def _script_addresses() -> tuple[str, ...]:
    return tuple(static(f"kit/js/{name}.js") for name in SCRIPTS)
