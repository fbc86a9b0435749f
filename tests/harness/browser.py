"""The real server over TLS against the test database, and a real Chromium to drive it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.live import LiveServer, running_server

_CHROMIUM = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None)
_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--lang=de-DE"),
]
_skipped = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a browser, browser tests are skipped and counted; they never pass silently."""
    for item in items:
        if "browser_page" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
    if (reason := _why_no_browser()) is not None:
        affected = [item for item in items if item.get_closest_marker("browser")]
        for item in affected:
            item.add_marker(pytest.mark.skip(reason=reason))
        config.stash[_skipped] = len(affected)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if count := config.stash.get(_skipped, 0):
        terminalreporter.write_line(
            f"ACHTUNG: {count} Browsertests ÜBERSPRUNGEN: {_why_no_browser()}", red=True, bold=True
        )


def _why_no_browser() -> str | None:
    if _CHROMIUM is None:
        return "Chromium fehlt (als root: apt-get install chromium libatomic1)"
    import playwright

    driver = Path(playwright.__file__).parent / "driver" / "node"
    if subprocess.run([driver, "--version"], capture_output=True, check=False).returncode != 0:
        return "Der Treiber von Playwright startet nicht (als root: apt-get install libatomic1)"
    return None


@pytest.fixture(scope="session")
def live_server(database: dict) -> Iterator[LiveServer]:
    """granian with TLS in its own process, on this run's database."""
    with running_server("web", threads=4) as server:
        yield server


@pytest.fixture(scope="session")
def live_server_url(live_server: LiveServer) -> str:
    """`https://localhost:PORT`."""
    return live_server.url


@pytest.fixture(scope="session")
def _chromium() -> Iterator[Any]:
    os.environ["PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD"] = "1"
    # Playwright's loop lives in this thread, but tests and ORM take turns in it: nothing runs at the same time.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, headless=True, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browser_page(_chromium: Any, live_server_url: str) -> Iterator[Any]:
    """A fresh German browser window on the live server; `page.goto("/auftraege/")` is enough."""
    context = _chromium.new_context(
        base_url=live_server_url, locale="de-DE", timezone_id="Europe/Berlin", ignore_https_errors=True
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    yield page
    context.close()
