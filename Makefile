# 两条命令：make run 打开门户，make test 跑测试。只需要 Python ≥ 3.11 和 make。

SHELL := /bin/sh
.DEFAULT_GOAL := help
export PORT ?= 8000
export DEV_DIR ?= .dev
export PYTHONPATH := .
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
	$(PY) -m mypy .
	.venv/bin/lint-imports
	.venv/bin/djlint templates --lint --quiet
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py check --fail-level WARNING
	$(PY) -m tests.production manage.py check --deploy --fail-level WARNING

bench: $(INSTALLED) ## 页面的开销与底线之比（ONLY=名字 只跑一项）
	@$(PY) -m bench $(ONLY)

clean: ## 删掉虚拟环境与演示数据，从头开始
	@[ ! -x $(PY) ] || $(PY) -m config.embedded.cleaning
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

lock: $(INSTALLED) ## 重新锁定依赖
	$(PY) -m uv pip compile $(COMPILE) pyproject.toml -o requirements.txt
	$(PY) -m uv pip compile $(COMPILE) pyproject.toml --all-extras --group dev -c requirements.txt -o requirements-dev.txt

COMPILE := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q

# uv 装得快得多；没有它也能装。两者都核对每个包的哈希。
$(INSTALLED):
	@python=; for name in python3.13 python3.12 python3.11 python3 python; do \
	  if $$name -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	[ -n "$$python" ] || { echo "需要 Python 3.11 或更新的版本（连同 venv 模块）"; exit 1; }; \
	echo "· 安装依赖（$$($$python --version)）…"; \
	rm -rf .venv && $$python -m venv .venv && \
	if .venv/bin/pip install -q --disable-pip-version-check uv 2>/dev/null; then \
	  .venv/bin/uv pip install -q --python $(PY) --require-hashes -r requirements-dev.txt; \
	else \
	  .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt; \
	fi && touch $@
