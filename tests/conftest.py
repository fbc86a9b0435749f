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
