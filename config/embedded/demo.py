"""What the demo needs to know, made once and kept in DEV_DIR: keys, passwords, addresses."""

import base64
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

NEWEST = "RECEIPT_KEYS"
SANDBOX_PORT = "alipay-port"
PEOPLE = ("DOCTOR", "SUPPORT", "SUPERUSER")


def environment(home: Path) -> dict[str, str]:
    """Return the demo's variables; the same each time for the same directory."""
    kept = keys(home)
    port, sandbox = os.environ.get("PORT", "8000"), _sandbox_port(home)
    return {
        **{name: kept[name] for name in kept if name.isupper()},
        "SITE_URL": f"http://127.0.0.1:{port}",
        "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
        "OPERATOR_ICP": "京ICP备00000000号（演示）",
        "OPERATOR_LICENCES": "京公网安备 00000000000000号（演示）",
        "OPERATOR_PRIVACY_CONTACT": "privacy@example.com",
        "HTTPS_ONLY": "off",
        "STAFF_SECOND_STEP": "off",
        "SMS_BACKEND": "accounts.sms.inbox.Backend",
        "EMAIL_URL": "inboxmail://",
        "DEFAULT_FROM_EMAIL": "妇产科网 <noreply@example.com>",
        "DEMO_INBOX_DIR": str(home / "inbox"),
        "MEDIA_ROOT": str(home / "media"),
        "LEDGER_DIR": str(home / "ledger"),
        "STATIC_ROOT": str(home / "static"),
        "ALIPAY_APP_ID": "2021000000000001",
        "ALIPAY_SELLER_ID": "2088000000000001",
        "ALIPAY_GATEWAY": f"http://127.0.0.1:{sandbox}/gateway.do",
        "ALIPAY_PAGE_ORIGINS": f"http://127.0.0.1:{sandbox},http://localhost:{sandbox}",
        "ALIPAY_SANDBOX_DIR": str(home / "alipay"),
        "LOG_STYLE": "console",
    }


def _sandbox_port(home: Path) -> str:
    """Read where the sandbox listens, or listened last; a portal that never ran has none, and port 9 refuses."""
    chosen = home / SANDBOX_PORT
    return chosen.read_text() if chosen.exists() else "9"


def keys(home: Path) -> dict[str, str]:
    """Read the keys of this directory, making those that are missing; the file is for its owner alone."""
    path = home / "keys.json"
    if not path.exists():
        fresh = _written(path, _make_keys())
        with suppress(FileExistsError):
            os.link(fresh, path)  # the first of two newcomers wins, the other reads theirs
        fresh.unlink()
    known = dict(json.loads(path.read_text()))
    if NEWEST not in known:  # it comes from an older portal, which had fewer
        known = {**_make_keys(), **known}
        _written(path, known).replace(path)
    return known


def _written(path: Path, known: dict[str, str]) -> Path:
    fresh = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
        json.dump(known, file, indent=1)
    return fresh


def _make_keys() -> dict[str, str]:
    merchant, sandbox = rsa_key(), rsa_key()
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_KEYS": f"k1:{_key()}",
        "LOOKUP_KEY": f"k1:{_key()}",
        "RECEIPT_KEYS": f"k1:{_key()}",
        "ALIPAY_PRIVATE_KEY": private_pem(merchant),
        "ALIPAY_PUBLIC_KEY": public_pem(sandbox),
        "ALIPAY_SANDBOX_PRIVATE_KEY": private_pem(sandbox),
        "ALIPAY_SANDBOX_MERCHANT_PUBLIC_KEY": public_pem(merchant),
        **{f"DEMO_PASSWORD_{person}": secrets.token_urlsafe(9) for person in PEOPLE},
        "postgres": secrets.token_urlsafe(24),
        "valkey": secrets.token_urlsafe(24),
    }


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    pem, clear = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, clear).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    pem, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(pem, form).decode()
