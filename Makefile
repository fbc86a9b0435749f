# DentaTool. Needs python3 (3.11 or newer, with venv) and make; everything else is set up.
PYTHON ?= python3
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test check format bench soak setup setup-dev python

help: ## Diese Übersicht
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

run: setup ## Einrichten, was fehlt, und DentaTool über TLS bereitstellen
	@exec .venv/bin/dentatool run

test: setup-dev ## Alle Tests (Chromium wird als root nachinstalliert, sonst gezählt übersprungen)
	@.venv/bin/python .ci/browser.py
	@.venv/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not alone"; together=$$?; \
		.venv/bin/python -m pytest -m alone && exit $$together

check: setup-dev ## Format, Regeln, Typen, Schichten, Migrationen, Dokumentation
	@.venv/bin/python .ci/check.py

format: setup-dev ## Code in die gemeinsame Form bringen
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

bench: setup ## Geschwindigkeit mit allem Schutz, im Verhältnis zu SQL von Hand
	@.venv/bin/dentatool bench

soak: setup-dev ## Dauerprobe: Webserver 200-mal und PostgreSQL 50-mal abgeschossen, 100.000 Anfragen, jede Eingabe (über 1 h)
	@DENTATOOL_SOAK=1 DENTATOOL_SOAK_KILLS=200 DENTATOOL_SOAK_DATABASE_KILLS=50 DENTATOOL_SOAK_ROUNDS=200 .venv/bin/python -m pytest \
		tests/billing/test_killed_while_issuing.py tests/billing/test_killed_database.py \
		tests/attack/test_atk_11_storm.py tests/attack/test_atk_20_trail_tampering.py tests/pages/test_bad_input.py \
		tests/attack/test_atk_33_known_or_unknown.py tests/attack/test_atk_33_invitations.py tests/attack/test_password_guessing.py \
		tests/attack/test_password_guessing_served.py \
		tests/api/test_described.py tests/operations/rounds tests/operations/test_faults.py tests/operations/backup tests/project/test_restore_ended.py tests/operations/test_keys_under_load.py

setup: python
	@$(PYTHON) bootstrap.py run

setup-dev: python
	@$(PYTHON) bootstrap.py dev

python:
	@command -v $(PYTHON) >/dev/null || { echo "Fehler: Das Programm $(PYTHON) fehlt; DentaTool braucht Python 3.11 oder neuer."; \
		echo "  Unter Debian 12 oder Ubuntu 24.04: apt-get install python3 python3-venv"; \
		echo "  ($(PYTHON) is missing; Python 3.11 or newer is needed.)"; exit 1; } >&2
