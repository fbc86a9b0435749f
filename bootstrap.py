#!/usr/bin/env python3
# -*- coding: utf-8 -*-
"""Makes .venv with the locked dependencies: python3 bootstrap.py run|dev

Syntax of Python 2.7 and 3.6 and the standard library only, so that an old Python can still say that
it is too old. Does nothing when the lock file has not changed since the last time.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
NEEDED = (3, 11)
NEEDED_MB = {"run": 450, "dev": 900}  # the packages, and half as much again while they are unpacked


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else "run"
    if wanted not in ("run", "dev"):
        return fail("Aufruf: python3 bootstrap.py run|dev")
    if sys.version_info < NEEDED:
        return fail(
            "Python %d.%d ist zu alt; DentaTool braucht 3.11 oder neuer.\n"
            "  Unter Debian 12 oder Ubuntu 24.04: apt-get install python3 python3-venv\n"
            "  Ein anderes Python wählen: make run PYTHON=python3.12\n"
            "  (This Python is too old; 3.11 or newer is needed.)" % sys.version_info[:2]
        )
    if is_current(wanted):
        return 0
    for step in (lambda: check_disk(wanted), make_venv, lambda: install(lock_of(wanted)), write_command):
        code = step()
        if code:
            return code
    # The development lock contains everything of the run lock.
    for name in ("run", "dev") if wanted == "dev" else ("run",):
        with open(stamp(name), "w") as file:
            file.write(state(name))
    return 0


def lock_of(wanted):
    return os.path.join(HERE, "requirements", wanted + ".lock")


def stamp(wanted):
    return os.path.join(VENV, "installed-%s" % wanted)


def state(wanted):
    """Changes with the lock, with the venv's Python, and when the folder was moved (a venv holds its path)."""
    facts = VENV.encode()
    for name in (lock_of(wanted), os.path.join(VENV, "pyvenv.cfg")):
        with open(name, "rb") as file:
            facts += file.read()
    return hashlib.sha256(facts).hexdigest()


def is_current(wanted):
    if not os.path.exists(PYTHON) or not os.path.exists(os.path.join(VENV, "bin", "dentatool")):
        return False
    try:
        with open(stamp(wanted)) as file:
            return file.read() == state(wanted)
    except OSError:  # never finished
        return False


def check_disk(wanted):
    """Said before anything is begun. What is half installed counts as free: it will be replaced."""
    free_mb = shutil.disk_usage(HERE).free // 1000000 + size_mb(VENV)
    if free_mb >= NEEDED_MB[wanted]:
        return 0
    return fail(
        "Auf dem Datenträger von %s sind nur %d MB frei; für die Abhängigkeiten sind %d MB nötig.\n"
        "  Schaffen Sie Platz, oder legen Sie den Projektordner auf einen anderen Datenträger.\n"
        "  (Only %d MB left on the disk; %d MB are needed.)"
        % (HERE, free_mb, NEEDED_MB[wanted], free_mb, NEEDED_MB[wanted])
    )


def size_mb(folder):
    files = (os.path.join(where, name) for where, _folders, names in os.walk(folder) for name in names)
    return sum(os.lstat(file).st_size for file in files) // 1000000


def make_venv():
    """A fresh venv where there is none, or where its Python has gone, is too old, or the folder was moved."""
    begun = time.time()
    usable = os.path.exists(PYTHON) and os.path.exists(os.path.join(VENV, "bin", "pip"))
    if usable:
        question = "import sys; print(sys.version_info >= %r, sys.prefix)" % (NEEDED,)
        answer = subprocess.run([PYTHON, "-c", question], stdout=subprocess.PIPE)
        usable = answer.stdout.decode().strip() == "True " + VENV
    if usable:
        return 0
    if not os.access(HERE, os.W_OK):
        return fail("In den Ordner %s lässt sich nicht schreiben. (The folder is not writable.)" % HERE)
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", VENV], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if made.returncode != 0:
        return fail(
            "Die Python-Umgebung .venv lässt sich nicht anlegen.\n"
            "  Unter Debian und Ubuntu fehlt meist das Paket: apt-get install python3-venv\n"
            "  (The venv module is missing or incomplete.)\n" + made.stdout.decode(errors="replace").strip()
        )
    return done("Python-Umgebung .venv", begun)


def install(lock):
    begun = time.time()
    name = os.path.basename(lock)
    command = [PYTHON, "-m", "pip", "install", "--require-hashes", "--only-binary=:all:", "--no-deps"]
    command += ["--disable-pip-version-check", "--no-input", "--quiet", "--requirement", lock]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = ran.stdout.decode(errors="replace").strip()
    if ran.returncode == 0:
        return done("Abhängigkeiten aus %s, Prüfsummen stimmen" % name, begun)
    said = [line for line in output.splitlines() if line.startswith("ERROR")][-2:]
    if "DO NOT MATCH THE HASHES" in output:
        why = (
            "Ein Paket stimmt nicht mit seiner Prüfsumme überein; es wurde nicht installiert.\n"
            "  Das kann ein Angriff auf die Paketquelle sein. (A package does not match its hash.)"
        )
    elif "No space left" in output:
        why = (
            "Der Datenträger ist voll, auf dem %s oder der Ordner für Zwischenergebnisse (TMPDIR) liegt.\n"
            "  Schaffen Sie Platz und starten Sie noch einmal. (The disk is full.)" % HERE
        )
    elif (
        "(from versions: none)" in output
        or "connection" in output.lower()
        or "Name or service" in output
        or "timed out" in output.lower()
    ):
        why = (
            "Die Paketquelle ist nicht erreichbar.\n"
            "  Prüfen Sie das Netz (das erste Einrichten lädt etwa 100 MB) oder die Einstellungen von pip: Proxy, PIP_INDEX_URL.\n"
            "  Danach denselben Befehl noch einmal; was schon geladen ist, bleibt.\n"
            "  (The package index cannot be reached; check the network or pip's configuration.)"
        )
        said = []  # five times that a name was not found
    else:
        why = "Die Abhängigkeiten lassen sich nicht installieren. (Installing the dependencies failed.)"
        said = [output[-1500:]]
    return fail("\n".join((why,) + tuple(said)))  # noqa: RUF005 - an old Python must be able to read this


def write_command():
    """`dentatool` without building a package: the program is read from src."""
    libraries = subprocess.check_output([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
    with open(os.path.join(libraries.decode().strip(), "dentatool-source.pth"), "w") as file:
        file.write(os.path.join(HERE, "src") + "\n")
    command = os.path.join(VENV, "bin", "dentatool")
    with open(command, "w") as file:
        file.write("#!%s\nimport sys\n\nfrom dentatool.project.cli import main\n\nsys.exit(main())\n" % PYTHON)
    os.chmod(command, 0o755)
    return 0


def done(what, begun):
    print("  ✓ %-58s %5.1f s" % (what, time.time() - begun))
    sys.stdout.flush()
    return 0


def fail(message):
    sys.stderr.write("Fehler: " + message + "\n")
    return 1


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):  # an ASCII terminal shall not break a German sentence
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="replace")
    sys.exit(main())
