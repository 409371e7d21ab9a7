"""The portal's own settings, with the floor's addresses beside its own and limits too high to meet."""

import os
import re

from config.settings import *  # noqa: F403
from config.settings import ACCOUNT_RATE_LIMITS, MIDDLEWARE, TEMPLATES

ROOT_URLCONF = "bench.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
# To tell what a middleware costs: the same portal without it.
MIDDLEWARE = [name for name in MIDDLEWARE if name not in os.environ.get("BENCH_WITHOUT", "").split()]
TEMPLATES[0]["DIRS"] = [*TEMPLATES[0]["DIRS"], os.environ["BENCH_TEMPLATES"]]  # type: ignore[misc]
# The same counting goes on; only the numbers differ, or a thousand sign-ins from one address would be refused.
ACCOUNT_RATE_LIMITS = {
    action: re.sub(r"(^|,)\d+", r"\g<1>1000000", rates) for action, rates in ACCOUNT_RATE_LIMITS.items()
}
SIGN_IN_TRIES = {"account": (1000000, 300), "address": (1000000, 60)}
