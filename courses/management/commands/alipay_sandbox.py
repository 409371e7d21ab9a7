"""`manage.py alipay_sandbox`: the cashier of the demo."""

import os
import signal
from argparse import ArgumentParser
from pathlib import Path
from threading import Thread
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from courses.sandbox import Identity, Sandbox

KEYS = ("ALIPAY_SANDBOX_PRIVATE_KEY", "ALIPAY_SANDBOX_MERCHANT_PUBLIC_KEY")


class Command(BaseCommand):
    help = "在本机运行支付宝沙箱（收银台、签约页、异步通知），只供演示和测试"
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, required=True)

    def handle(self, *_: Any, port: int, **__: Any) -> None:
        missing = [name for name in (*KEYS, "ALIPAY_SANDBOX_DIR") if not os.environ.get(name)]
        if missing:
            raise CommandError(f"缺少环境变量：{'、'.join(missing)}")
        sandbox = Sandbox(port=port, folder=Path(os.environ["ALIPAY_SANDBOX_DIR"]), identity=_identity())
        for number in (signal.SIGTERM, signal.SIGINT):
            # `stop` waits for the loop that this very thread is in.
            signal.signal(number, lambda *_: Thread(target=sandbox.stop).start())
        self.stdout.write(f"alipay sandbox {sandbox.url}/gateway.do")
        sandbox.run()


def _identity() -> Identity:
    """Read the sandbox's keys: they are no settings, for the portal never knows them."""
    private_key, merchant_public_key = (os.environ[name] for name in KEYS)
    return Identity(
        app_id=settings.ALIPAY["app_id"],
        seller_id=settings.ALIPAY["seller_id"],
        private_key=private_key,
        merchant_public_key=merchant_public_key,
    )
