# 两条命令：make run 打开门户，make test 跑测试。只需要 Python ≥ 3.11 和 make。

SHELL := /bin/sh
.DEFAULT_GOAL := help
export PORT ?= 8000
export DEV_DIR ?= .dev
export PYTHONPATH := .
# 同一份代码由七个进程载入：不留下编译结果，每次启动都要重新编译七遍。
unexport PYTHONDONTWRITEBYTECODE
PY := .venv/bin/python
INSTALLED := .venv/installed-$(shell cksum < requirements-dev.txt | cut -d' ' -f1)
JOBS ?= 2

.PHONY: help run test e2e lint bench clean lock

help: ## 这份清单
	@awk -F':.*## ' '/^(run|test|e2e|lint|bench|clean|lock):/ {printf "%-6s %s\n", $$1, $$2}' Makefile

run: $(INSTALLED) ## 打开门户：http://127.0.0.1:8000/（PORT= 与 DEV_DIR= 可改）
	@exec $(PY) -m config.launcher

test: $(INSTALLED) ## 不用浏览器的全部测试
	$(PY) -m pytest -n $(JOBS) -q

e2e: $(INSTALLED) ## 浏览器测试（Debian 的 Chromium）
	@$(PY) -m tests.browser.chromium
	$(PY) -m pytest tests/browser -q

lint: $(INSTALLED) ## 代码、类型、模板、导入方向、迁移
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m tests.production -m mypy .
	.venv/bin/lint-imports
	.venv/bin/djlint templates --lint --quiet
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py check --fail-level WARNING
	$(PY) -m tests.production manage.py check --deploy --fail-level WARNING

bench: $(INSTALLED) ## 页面的开销与底线之比（ONLY=名字 只跑一项；ONLY=purge 用十万会员，十来分钟）
	@SCALE=$(or $(SCALE),$(if $(filter purge,$(ONLY)),1,0.1)) $(PY) -m bench $(ONLY)

clean: ## 删掉虚拟环境与演示数据，从头开始
	@$(FIND_PYTHON); $$python -m config.embedded.cleaning
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

lock: $(INSTALLED) ## 重新锁定依赖
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) pyproject.toml --extra aliyun -c requirements.txt -o requirements-aliyun.txt
	$(COMPILE) pyproject.toml --all-extras --group dev -c requirements.txt -o requirements-dev.txt

COMPILE := .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

# ensurepip：Debian 把它放在 python3-venv 里，没有它就建不成虚拟环境。
FIND_PYTHON = python=; for name in python3.13 python3.12 python3.11 python3 python; do \
	  if $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    python=$$name; break; fi; done; \
	[ -n "$$python" ] || { echo "需要 Python 3.11 或更新的版本，连同 venv 模块（Debian：apt-get install python3-venv）"; exit 1; }

# 先按锁定的哈希装 uv：它装其余的包快得多；它装不成时由 pip 来装，同样核对哈希。
$(INSTALLED):
	@$(FIND_PYTHON); \
	echo "· 安装依赖（$$($$python --version)）…"; \
	$(PY) -m pip --version >/dev/null 2>&1 || { rm -rf .venv && $$python -m venv .venv || exit 1; }; \
	rm -f .venv/installed-*; \
	sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt > .venv/uv.txt; \
	pip="$(PY) -m pip install -q --disable-pip-version-check --require-hashes"; \
	{ $$pip -r .venv/uv.txt \
	  && .venv/bin/uv pip install -q --python $(PY) --compile-bytecode --require-hashes -r requirements-dev.txt; } 2>.venv/uv.log \
	|| $$pip -r requirements-dev.txt || { cat .venv/uv.log; exit 1; }; \
	touch $@
