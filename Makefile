# make demo   install into .venv, run the pipeline with params.yaml, show the scores
# make test   install, then linters, type checker and tests
# make docs   install, then build the documentation's site into site/
# make test-s3, make test-webdav   install, then the DVC remote against servers too heavy for every time
# All work from any folder (make -C or make -f), and install again only when a requirement changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
ROOT := $(shell cd "$$(dirname "$(strip $(MAKEFILE_LIST))")" && pwd)
# The stages are started as `python -m stages.NAME`: the environment's python must come first.
IN_VENV = cd "$(ROOT)" && export PATH="$(ROOT)/.venv/bin:$$PATH" VIRTUAL_ENV="$(ROOT)/.venv" &&

# $(call install,STAMP,REQUIREMENT)
define install
@cd "$(ROOT)" && stamp=.venv/$(1); \
if [ ! -e $$stamp ] || [ pyproject.toml -nt $$stamp ] || [ constraints.txt -nt $$stamp ]; then \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")' && \
	echo "installing into $(ROOT)/.venv: once, some minutes" && \
	"$(PYTHON)" -m venv .venv && \
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e "$(2)" && \
	touch $$stamp; \
fi
endef

# Two tests at a time: they wait for other processes more than they compute. tests/conftest.py says which go together.
# When a worker dies, the run ends and names its test: what another worker would be given can make it wait for ever.
PARALLEL = --numprocesses 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --durations 20

.PHONY: demo test docs test-s3 test-webdav install install-test install-docs install-test-s3 install-test-webdav

demo: install
	@$(IN_VENV) dvc repro
	@$(IN_VENV) sceneparse results

test: install-test
	@$(IN_VENV) ruff check . && ruff format --check . && mypy && python -m pytest $(PARALLEL)

docs: install-docs
	@$(IN_VENV) NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet && echo "site/index.html"

test-s3 test-webdav: test-%: install-test-%
	@$(IN_VENV) python -m pytest -m $* tests/pipeline/repro/test_remotes.py

install:
	$(call install,installed,.)

install-test:
	$(call install,installed-test,.[test])

install-docs:
	$(call install,installed-docs,.[docs])

install-test-s3 install-test-webdav: install-test-%:
	$(call install,installed-test-$*,.[test-$*])
