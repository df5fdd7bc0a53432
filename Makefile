# make demo       install into .venv, run the pipeline with params.yaml, show the scores
# make docs       install, then build the documentation's site into site/
#
# Tests come in tiers, marked where they are written (@pytest.mark.slow, @pytest.mark.exhaustive, @pytest.mark.soak):
# make check      install, then linters, types and the fast tests, before every commit
# make test       the same and the slow tests, each thing once
# make test-rest  install, then the exhaustive tests: what `make test` does once, again and in every variant
# make test-soak  install, then what repeats at random moments or thousands of times: hours
# make test-s3, make test-webdav   install, then the DVC remote against servers that need packages of their own
# make test-all   all tests there are
#
# All work from any folder (make -C or make -f), and install again only when a requirement changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
ROOT := $(shell cd "$$(dirname "$(strip $(MAKEFILE_LIST))")" && pwd)
# The stages are started as `python -m stages.NAME`: the environment's python must come first.
IN_VENV = cd "$(ROOT)" && export PATH="$(ROOT)/.venv/bin:$$PATH" VIRTUAL_ENV="$(ROOT)/.venv" &&

# $(call install,STAMP,REQUIREMENT)
define install
@cd "$(ROOT)" && stamp=.venv/$(1); \
if [ ! -e $$stamp ] || [ pyproject.toml -nt $$stamp ] || [ constraints.txt -nt $$stamp ]; then \
	"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=...")' && \
	echo "installing into $(ROOT)/.venv: once, some minutes" && \
	"$(PYTHON)" -m venv .venv && \
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e "$(2)" && \
	touch $$stamp; \
fi
endef

# Fast tests compute: two at a time, for two cores. The others also wait for processes: three at a time.
# tests/conftest.py says which go together. Stop at the first dead worker: its remaining tests may hang another.
PYTEST = python -m pytest --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --durations 20 --numprocesses
LINT = ruff check . && ruff format --check . && mypy

.PHONY: demo docs check test test-rest test-soak test-s3 test-webdav test-all
.PHONY: install install-test install-docs install-test-s3 install-test-webdav

# exec, so that no shell stands between make and DVC, and takes make's SIGTERM; the stages end with make, $$PPID.
demo: install
	@$(IN_VENV) export SCENEPARSE_ENDS_WITH=$$PPID && exec dvc repro
	@$(IN_VENV) sceneparse results

docs: install-docs
	@$(IN_VENV) NO_MKDOCS_2_WARNING=1 mkdocs build --strict && echo "site/index.html"

check: install-test
	@$(IN_VENV) $(LINT) && $(PYTEST) 2 -m "not slow and not exhaustive and not soak"

test: install-test
	@$(IN_VENV) $(LINT) && $(PYTEST) 3

test-rest: install-test
	@$(IN_VENV) $(PYTEST) 3 -m "exhaustive and not s3 and not webdav"

test-soak: install-test
	@$(IN_VENV) $(PYTEST) 2 -m soak

test-all: test test-rest test-soak test-s3 test-webdav

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
