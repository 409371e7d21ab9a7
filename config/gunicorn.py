"""How gunicorn serves the portal, in the demo and in production: `gunicorn -c config/gunicorn.py config.wsgi`."""

import os
from typing import Any

from config import logs

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
preload_app = True  # loaded once, then forked
graceful_timeout = 5
control_socket_disable = True  # it would lie in somebody's home directory


def _logging() -> dict[str, Any]:
    """Send gunicorn's own complaints through the portal's redaction: they show whole addresses."""
    found = logs.configure(level=os.environ.get("LOG_LEVEL", "INFO"), style=os.environ.get("LOG_STYLE", "json"))
    quiet = {"gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True}}
    return {**found, "loggers": {**found["loggers"], **quiet}}


logconfig_dict = _logging()
