"""Structured logs that hold nobody's data."""

import re
from typing import Any

import structlog

SECRETS = re.compile(r"phone|mobile|email|mail|^name$|password|token|secret|code$|^to$|body|subject|cookie|sign$", re.I)
PHONE = re.compile(r"(?<!\d)(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)")
MAIL = re.compile(r"[\w.+%-]+@[\w-]+\.[\w.-]+")
# Where somebody sits; a loopback address tells nothing.
ORIGIN = re.compile(r"(?<=ip=)[^\s,]+|(?<![\d.])(?!127\.)(?:\d{1,3}\.){3}\d{1,3}(?!\d|\.\d)")
# An address that is its own key: whoever reads the log must not be able to open the page.
KEYS = re.compile(r"(?:(?<=/complaints/)(?!new/|look-up/)|(?<=/n/))[^/\s\"']+(?=/)")
KEY_IN_PATH = re.compile(r"(?<=/)(?=[\w-]*[0-9A-Z])[\w-]{16,}(?=[/\s]|$)")
# What was typed into an address: searches are nobody's business.
QUERY = re.compile(r"(/[^\s?\"']*)\?[^\s\"']*")
HIDDEN = "…"


def redact(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Hide whatever is named like personal data or looks like it."""
    clean = {key: HIDDEN if _is_secret(key, value) else _clean(value) for key, value in event.items()}
    # Random, so it may look like a telephone number.
    return clean | {"request_id": event["request_id"]} if "request_id" in event else clean


def _is_secret(key: str, value: Any) -> bool:
    return bool(SECRETS.search(key)) and key != "event" and not isinstance(value, int)  # a status code tells nothing


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        for pattern in (PHONE, MAIL, ORIGIN, KEYS, KEY_IN_PATH):
            value = pattern.sub(HIDDEN, value)
        return QUERY.sub(r"\1", value)
    if isinstance(value, dict):
        return redact(None, "", value)
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value if value is None or isinstance(value, int | float) else _clean(str(value))


def configure(*, level: str, style: str) -> dict[str, Any]:
    """Set up structlog and return Django's LOGGING: JSON lines, or readable ones when style is "console"."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "portal": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": _last(style),
                "foreign_pre_chain": [structlog.stdlib.ExtraAdder(["request_id"]), *shared],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "portal"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            "celery": {"level": "WARNING"},
            "alipay": {"level": "WARNING"},
            "urllib3": {"level": "ERROR"},  # its lines show whole addresses
            "httpx": {"level": "WARNING"},  # its lines show whole addresses
        },
    }


def _last(style: str) -> list[Any]:
    """List what a line goes through before it is written; nothing behind `redact` may add to it."""
    in_words = structlog.dev.ConsoleRenderer(colors=False)
    renderer = in_words if style == "console" else structlog.processors.JSONRenderer(ensure_ascii=False)
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact,
        renderer,
    ]
