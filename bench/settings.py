"""The portal's own settings, with the floor's addresses beside its own and limits too high to meet."""

import os

from config.settings import *  # noqa: F403
from config.settings import TEMPLATES

ROOT_URLCONF = "bench.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
TEMPLATES[0]["DIRS"] = [*TEMPLATES[0]["DIRS"], os.environ["BENCH_TEMPLATES"]]  # type: ignore[misc]
# The same code runs; only the numbers differ, or a thousand sign-ins from one address would be refused.
ACCOUNT_RATE_LIMITS = {"login": "1000000/m/ip", "login_failed": "1000000/m/ip,1000000/5m/key"}
