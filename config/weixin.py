"""Settings of signing in by WeChat, from the environment; it is not there without both keys."""

from urllib.parse import urlsplit

from config.environment import env

KEYS = {
    "app_id": env.str("WEIXIN_APP_ID", default=""),
    "app_secret": env.str("WEIXIN_APP_SECRET", default=""),
    "page": env.str("WEIXIN_PAGE", default="https://open.weixin.qq.com/connect/qrconnect"),
    "api": env.str("WEIXIN_API", default="https://api.weixin.qq.com").rstrip("/"),
}
SETTINGS = {
    "SOCIALACCOUNT_ADAPTER": "accounts.weixin.SocialAccountAdapter",
    "SOCIALACCOUNT_FORMS": {"signup": "accounts.forms.WeixinSignupForm"},
    "SOCIALACCOUNT_AUTO_SIGNUP": False,
    "SOCIALACCOUNT_EMAIL_VERIFICATION": "none",
    "SOCIALACCOUNT_REAUTHENTICATION_REQUIRED": True,
    "SOCIALACCOUNT_REQUESTS_TIMEOUT": 5,  # seconds
    "SOCIALACCOUNT_STORE_TOKENS": False,
}

_page = urlsplit(KEYS["page"])
# A form leads there by a redirect, which Chromium checks.
PAGE_ORIGINS = [f"{_page.scheme}://{_page.netloc}"] if KEYS["app_id"] else []
