"""Python and OpenSSL from Debian are compared in Debian's versions, by dpkg's own order."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dentatool.operations.updates.debian import from_debian, parsed_by_debian
from dentatool.operations.updates.installed import BITNAMI, Component, installed
from operations.updates.records import about, found

PYTHON = Component("Debian:12", "python3.11", "3.11.2-6+deb12u5")

pytestmark = pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not here")


def debian(*events: dict[str, str], release: str = "Debian:12", name: str = "python3.11") -> dict:
    return about(name, *events, ecosystem=release)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("3.11.2-6", "3.11.2-6+deb12u1"),
        ("3.11.2-6+deb12u9", "3.11.2-6+deb12u10"),
        ("1.0~rc1-1", "1.0-1"),
        ("9.9-1", "1:0.1-1"),
    ],
)
def test_versions_are_ordered_as_dpkg_orders_them(older: str, newer: str) -> None:
    one, other = parsed_by_debian(older), parsed_by_debian(newer)

    assert one is not None and other is not None
    assert (one < other, one > other, min(other, one)) == (True, False, one)
    assert [parsed_by_debian(wrong) for wrong in ("", "irgendwann", None, 7, "1.0; rm -rf")] == [None] * 5


def test_a_hole_that_debian_closed_in_a_later_version_is_open_and_one_it_closed_before_is_not() -> None:
    assert found(PYTHON, debian({"introduced": "0"}, {"fixed": "3.11.2-6+deb12u6"})) == ["X-1"]
    assert found(PYTHON, debian({"introduced": "0"}, {"fixed": "3.11.2-6+deb12u4"})) == []


def test_another_release_counts_otherwise_and_what_debian_leaves_open_is_its_own_judgement() -> None:
    later = {"fixed": "3.13.5-2+deb13u1"}

    assert found(PYTHON, debian({"introduced": "0"}, later, release="Debian:13")) == []
    assert found(PYTHON, debian({"introduced": "0"})) == []
    assert found(PYTHON, debian({"introduced": "0"}, {"fixed": "3.11.2-6+deb12u6"}, name="python3.13")) == []


def test_the_number_that_python_says_of_itself_does_not_count_then() -> None:
    record = about("python", {"introduced": "3.11.0"}, {"fixed": "3.11.10"}, ecosystem=BITNAMI)

    assert found(PYTHON, record) == []


def test_a_file_of_debian_is_known_by_its_source_package_and_others_are_not(tmp_path: Path) -> None:
    said = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${source:Package} ${source:Version}", "dpkg"], capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    ours = from_debian(Path("/usr/bin/dpkg"))
    if ours is None:
        assert "ID=debian\n" not in Path("/etc/os-release").read_text()
        return

    assert [ours.name, ours.version] == said and ours.ecosystem.startswith("Debian:")
    (tmp_path / "python").touch()
    assert (from_debian(tmp_path / "python"), from_debian(tmp_path / "missing")) == (None, None)


def test_there_is_one_python_here_and_it_has_a_version() -> None:
    (python,) = [each for each in installed("18.6") if each.name.startswith("python") and each.ecosystem != "PyPI"]

    assert python.version and (python.name == "python" or python.is_debian)
