"""Run a command of Django's as a production machine would: `python -m tests.production manage.py check --deploy`.

The keys are made for this one run; the addresses lead nowhere.
"""

import base64
import os
import secrets
import sys
import tempfile

from config.embedded import demo


def environment() -> dict[str, str]:
    """Return every variable that production must set, and nothing else of ours."""
    merchant, channel = demo.rsa_key(), demo.rsa_key()
    folder = tempfile.gettempdir()
    return {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_KEYS": f"2026a:{_key()}",
        "LOOKUP_KEY": f"2026a:{_key()}",
        "RECEIPT_KEYS": f"2026a:{_key()}",
        "DATABASE_URL": "postgres://portal:secret@db.example.com/portal",
        "REDIS_URL": "redis://redis.example.com:6379/0",
        "CACHE_URL": "redis://redis.example.com:6379/1",
        "ALLOWED_HOSTS": "www.example.com",
        "SITE_URL": "https://www.example.com",
        "EMAIL_URL": "smtp+tls://user:secret@smtp.example.com:587",
        "DEFAULT_FROM_EMAIL": "noreply@example.com",
        "SMS_BACKEND": "accounts.sms.aliyun.Backend",
        "ALIYUN_SMS_ACCESS_KEY_ID": "id",
        "ALIYUN_SMS_ACCESS_KEY_SECRET": "secret",
        "ALIYUN_SMS_TEMPLATES": "code=SMS_1,taken=SMS_2,unknown=SMS_3,notice=SMS_4,alert=SMS_5",
        "MEDIA_ROOT": f"{folder}/media",
        "STATIC_ROOT": f"{folder}/static",
        "LEDGER_DIR": f"{folder}/ledger",
        "ALIPAY_APP_ID": "2021000000000002",
        "ALIPAY_SELLER_ID": "2088000000000002",
        "ALIPAY_PRIVATE_KEY": demo.private_pem(merchant),
        "ALIPAY_PUBLIC_KEY": demo.public_pem(channel),
    }


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


if __name__ == "__main__":
    os.execve(sys.executable, [sys.executable, *sys.argv[1:]], environment())
