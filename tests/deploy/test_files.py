"""The files for operation are honest: what they name exists, what they start starts, and nothing is less closed than noted."""

import argparse
import configparser
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from dentatool.project.cli import COMMANDS

HERE = Path(__file__).parents[2]
DEPLOY = HERE / "deploy"
SYSTEMD, CONTAINER = DEPLOY / "systemd", DEPLOY / "container"
UNITS = sorted([*SYSTEMD.glob("*.service"), *SYSTEMD.glob("*.timer")])
SERVICES = [each for each in UNITS if each.suffix == ".service"]
RUNBOOKS = sorted((HERE / "docs" / "runbooks").glob("*.md"))
FILES = sorted(each for each in DEPLOY.rglob("*") if each.is_file() and each.suffix != ".pyc")
SCORE = 1.5  # of `systemd-analyze security`: 0 is closed, 10 open


def ids(files: list[Path]) -> list[str]:
    return [str(each.relative_to(HERE)) for each in files]


@pytest.mark.parametrize("file", [*FILES, *RUNBOOKS], ids=ids([*FILES, *RUNBOOKS]))
def test_every_setting_that_is_named_stands_in_the_readme(file: Path) -> None:
    table = (HERE / "README.md").read_text(encoding="utf-8").split("| Variable |")[1].split("\n\n")[0]
    known = set(re.findall(r"DENTATOOL_[A-Z0-9_]+|DATABASE_URL", table))
    known |= {f"DENTATOOL_KEEP_{each}_DAYS" for each in ("SECURITY", "ACCESS", "BUSINESS")}

    assert (
        set(re.findall(r"DENTATOOL_[A-Z0-9_]+[A-Z0-9]|DATABASE_URL", file.read_text(encoding="utf-8"))) - known == set()
    )


def commands_in(text: str) -> set[tuple[str, ...]]:
    """`dentatool backup verify` and the like, as far as they are words of the command line."""
    found = re.findall(r'(?:bin/|`|„|\["|exec )dentatool"?,? "?([a-z]+)"?(?:,? "?([a-z][a-z-]+))?', text)
    return {tuple(filter(None, each)) for each in found}


@cache
def actions_of(command: str) -> str:
    """What the command line says of itself."""
    parser = argparse.ArgumentParser()
    import_module(f"dentatool.project.{COMMANDS[command][0]}").arguments(parser)
    return parser.format_help()


@pytest.mark.parametrize("file", [*FILES, *RUNBOOKS], ids=ids([*FILES, *RUNBOOKS]))
def test_every_command_that_is_named_exists(file: Path) -> None:
    for command, *action in sorted(commands_in(file.read_text(encoding="utf-8"))):
        assert command in COMMANDS
        if action and command not in ("manage", "run", "restore"):
            assert re.search(rf"\b{re.escape(action[0])}\b", actions_of(command)), (command, *action)


def test_the_search_for_commands_finds_them_and_a_wrong_one() -> None:
    assert commands_in((SYSTEMD / "dentatool-backup-check.service").read_text()) == {("backup", "verify")}
    assert ("serve",) in commands_in((CONTAINER / "compose.yaml").read_text())
    assert commands_in("`dentatool erfinde etwas`") == {("erfinde", "etwas")}


@pytest.mark.parametrize("file", UNITS, ids=ids(UNITS))
def test_units_can_be_read_and_start_what_is_there(file: Path, tmp_path: Path) -> None:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(file)
    assert parser.has_section("Unit")
    if file.suffix == ".service":
        start = parser["Service"]["ExecStart"]
        assert start.startswith("/opt/dentatool/.venv/bin/dentatool ")
        assert parser["Service"]["User"] == "dentatool"
    if (judge := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is not here")
    for unit in UNITS:
        text = unit.read_text().replace("/opt/dentatool/.venv/bin/dentatool", sys.executable)
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run([judge, "verify", tmp_path / file.name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")


@pytest.mark.parametrize("file", SERVICES, ids=ids(SERVICES))
def test_services_are_as_closed_as_noted(file: Path, tmp_path: Path) -> None:
    if (judge := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is not here")

    def judged(text: str) -> tuple[int, float]:
        (tmp_path / file.name).write_text(text)
        done = subprocess.run(
            [judge, "security", "--offline=true", f"--threshold={int(SCORE * 10)}", tmp_path / file.name],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        (score,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
        return done.returncode, float(score)

    code, score = judged(file.read_text())
    assert code == 0 and score <= SCORE
    assert judged(file.read_text().replace("NoNewPrivileges=yes", "").replace("ProtectSystem=strict", ""))[0] != 0


def test_all_services_share_the_same_walls() -> None:
    walls = {
        each.read_text().partition("# Nothing but its own folder")[2].partition("[Install]")[0].strip()
        for each in SERVICES
    }

    assert len(walls) == 1


def test_the_settings_files_are_read_as_systemd_and_containers_read_them() -> None:
    for file in (SYSTEMD / "dentatool.env", SYSTEMD / "setup.env", CONTAINER / "dentatool.env"):
        lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
        assert lines and all(re.fullmatch(r"[A-Z0-9_]+=\S.*", line) for line in lines), file
    assert '"' not in (CONTAINER / "dentatool.env").read_text()  # which would be part of the value there


def test_compose_names_what_exists_and_no_registry() -> None:
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())

    assert {each["image"] for each in compose["services"].values()} == {"dentatool", "postgres:18"}
    for name, service in compose["services"].items():
        for volume in service["volumes"]:
            assert volume.split(":")[0] in compose["volumes"], name
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        assert "DATABASE_URL" not in json.dumps(service.get("environment", {})), name
        if service["image"] == "dentatool":
            assert (service["cap_drop"], service["read_only"]) == (["ALL"], True), name
    assert {name for name, each in compose["services"].items() if each.get("secrets")} == {"database", "setup"}
    assert compose["services"]["app"]["ports"] == ["127.0.0.1:8443:8443"]
    for line in [*FILES, HERE / ".dockerignore"]:
        assert not re.search(r"docker\.io|ghcr\.io|quay\.io|registry\.", line.read_text()), line


def test_the_container_serves_as_nobody_in_particular_and_without_build_tools() -> None:
    text = (CONTAINER / "Containerfile").read_text()
    build, _from, final = text.rpartition("\nFROM ")

    assert "USER 10001:10001" in final and final.index("USER ") < final.index('CMD ["dentatool"')
    for tool in ("pip", "git", "gcc", "venv ", "bootstrap"):
        assert tool not in re.sub(r"#.*", "", final).replace(".venv", ""), tool
    assert "HEALTHCHECK" in final
    assert "pip uninstall --yes --quiet setuptools pip" in build
    for path in re.findall(r"/opt/dentatool/([\w/.-]+\.py)", text):
        assert (HERE / path).exists(), path


def test_paths_are_the_same_everywhere() -> None:
    texts = "\n".join(each.read_text(encoding="utf-8") for each in [*FILES, HERE / "docs/runbooks/einrichten.md"])
    known = ("/opt/dentatool", "/var/lib/dentatool", "/etc/dentatool", "/srv/dentatool-backup")

    for path in set(re.findall(r"(?<![\w.:/])/(?:opt|var/lib|etc|srv)/dentatool[\w/.-]*", texts)):
        assert path.startswith(known), path
    for path in set(re.findall(r"(?:tests/)?(?:deploy|docs)/[\w/-]+\.\w+", texts)) - {
        "deploy/container/superuser.password"
    }:
        assert (HERE / path).exists(), path


def test_the_health_check_says_no_where_nothing_answers(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, CONTAINER / "healthcheck.py"], env={"DENTATOOL_VAR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout.startswith("0 FileNotFoundError")) == (1, True)
