"""The content security policy of every page: nothing from elsewhere, nothing inline."""

from csp.constants import NONCE, NONE, SELF, STRICT_DYNAMIC

REPORTS = "/csp-bericht/"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [NONCE, STRICT_DYNAMIC],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        # Whatever a browser refuses is reported (operations/csp_reports.py); old browsers know the first word only.
        "report-uri": REPORTS,
        "report-to": "csp",
    }
}


def for_files(headers: dict[str, str], path: str, url: str) -> None:
    """The program's own files, which WhiteNoise answers before our middleware: nothing in them acts by itself."""
    headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["X-Permitted-Cross-Domain-Policies"] = "none"
