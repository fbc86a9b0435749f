"""The stage of every test: a real PostgreSQL, the app's own role, real commits, and the cast.

Pure tests (values, kzbv_xml, workflow …) use none of it and start at once. The first test that
asks for `database`, `anna` or `bert` starts one server for the run.
"""

pytest_plugins = [
    "harness.database",
    "harness.laboratories",
    "harness.browser",
    "harness.specimen",
    "harness.smtp",
    "harness.identity",
    "harness.backed_up",
]


def pytest_collection_modifyitems(items: list) -> None:
    """Files with slow tests first: begun last, one of them would keep everybody waiting at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
