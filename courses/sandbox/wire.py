"""Signatures and answers as Alipay writes them (RSA2: SHA-256 with RSA, PKCS #1 v1.5)."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

BEIJING = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Identity:
    """Whom the sandbox serves, and the keys of both."""

    app_id: str
    seller_id: str
    private_key: str
    merchant_public_key: str

    def sign(self, text: str) -> str:
        signature = _private(self.private_key).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signature).decode()

    def is_merchants(self, fields: Mapping[str, str]) -> bool:
        """Tell whether the merchant signed a request; sign_type is among what is signed."""
        text = canonical({name: value for name, value in fields.items() if name != "sign"})
        try:
            signature = base64.b64decode(fields.get("sign", ""), validate=True)
            _public(self.merchant_public_key).verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return fields.get("app_id") == self.app_id and fields.get("sign_type") == "RSA2"

    def signed(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Sign what goes to the merchant by notice or redirect; sign_type is not among what is signed."""
        return {**fields, "sign": self.sign(canonical(fields)), "sign_type": "RSA2"}

    def answer(self, method: str, content: Mapping[str, Any]) -> str:
        """Write a signed answer: the signature is over the very characters that are sent."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return f'{{"{method.replace(".", "_")}_response":{text},"sign":"{self.sign(text)}"}}'


@lru_cache
def _private(pem: str) -> rsa.RSAPrivateKey:
    """Read a key once: checking it takes longer than signing with it."""
    return cast(rsa.RSAPrivateKey, load_pem_private_key(pem.encode(), None))


@lru_cache
def _public(pem: str) -> rsa.RSAPublicKey:
    return cast(rsa.RSAPublicKey, load_pem_public_key(pem.encode()))


def canonical(fields: Mapping[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value != "")


def beijing(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, BEIJING):%Y-%m-%d %H:%M:%S}"


def moment_of(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).timestamp()
