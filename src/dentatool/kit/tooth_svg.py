"""A drawn tooth as SVG. In Python, since 52 includes of a template would cost milliseconds on every order form."""

from functools import cache, lru_cache

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dentatool.kit.tooth_chart import DrawnTooth


@lru_cache(maxsize=4096)  # 52 teeth, a dozen parts, two ways to show them
def tooth_svg(tooth: DrawnTooth, *, is_quiet: bool) -> SafeString:
    """One tooth at its place; one that can be marked is a checkbox for keyboard and screen reader."""
    control = (
        SafeString("")
        if is_quiet
        else format_html(
            ' data-name="{0}" role="checkbox" aria-checked="{1}" aria-label="{0}" tabindex="-1"',
            tooth.name,
            "true" if tooth.part else "false",
        )
    )
    return format_html(
        '<g class="tooth{}" data-tooth="{}" data-part="{}"{} transform="translate({} {})">{}'
        '<text class="tooth-mark" x="{}" y="{}">{}</text></g>',
        " is-marked" if tooth.part else "",
        tooth.number,
        tooth.part,
        control,
        tooth.x,
        106 if tooth.is_lower else 0,
        _shape(tooth.number, tooth.width, tooth.crown, tooth.root, tooth.is_lower),
        tooth.half,
        38 if tooth.is_lower else 60,
        tooth.mark,
    )


@cache
def _shape(number: int, width: int, crown: str, root: str, is_lower: bool) -> SafeString:
    """What of a tooth never changes. The lower jaw is the upper one upside down, its number above the crown."""
    return format_html(
        '<rect class="tooth-hit" width="{}" height="90" rx="6"/><g{}><path class="tooth-root" d="{}"/>'
        '<path class="tooth-crown" d="{}"/></g><text class="tooth-number" x="{}" y="{}">{}</text>',
        width,
        SafeString(' transform="translate(0 90) scale(1 -1)"' if is_lower else ""),
        root,
        crown,
        width // 2,
        12 if is_lower else 86,
        number,
    )
