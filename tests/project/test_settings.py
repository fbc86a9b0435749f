"""A setting that would leave people less protected than its operator believes stops the program, in words."""

import os
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DENTATOOL_LEAST_FACTOR_RULE", "always", "muss optional, required oder passkey sein"),
        ("DENTATOOL_LEAST_FACTOR_RULE", "", "muss optional, required oder passkey sein"),
        ("DENTATOOL_TRUSTED_PROXIES", "nginx", "'nginx' ist kein Netz"),
        ("DENTATOOL_TRUSTED_PROXIES", "10.0.0.5,0.0.0.0/0", "viel zu groß"),
        ("DENTATOOL_ALERT_TO", "clara@betreiber.example,emil", "'emil' ist keine E-Mail-Adresse"),
        ("DENTATOOL_METRICS_FROM", "0.0.0.0/0", "viel zu groß"),
        ("DENTATOOL_ALERT_WEBHOOK_URL", "http://wacht.example/hier", "muss mit https:// beginnen"),
        ("DENTATOOL_HEARTBEAT_URL", "http://wacht.example/ping", "muss mit https:// beginnen"),
        ("DENTATOOL_PUBLISHED_PASSWORDS", "/nirgends/pwned.txt", "lässt sich nicht lesen"),
    ],
)
def test_what_cannot_be_meant_stops_the_start(name, value, words):
    path = os.pathsep.join(filter(None, sys.path))

    done = subprocess.run(
        [sys.executable, "-c", "import dentatool.project.settings"],
        env={**os.environ, name: value, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr.startswith(name), words in done.stderr) == (1, True, True), done.stderr
