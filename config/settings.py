"""Settings, every value from the environment; `.env.example` has a sentence on each."""

import logging
from pathlib import Path

import django_stubs_ext
from csp.constants import NONE, SELF

from config import logs, weixin
from config.environment import env, key_ring, pem

django_stubs_ext.monkeypatch()
BASE_DIR = Path(__file__).resolve().parent.parent

# ── The site ──────────────────────────────────────────────────────────────────
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
SITE_URL = env.url("SITE_URL").geturl().rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
SITE_NAME = env.str("SITE_NAME", default="妇产科网")
OPERATOR = {
    "name": env.str("OPERATOR_NAME", default="北京亚普拓医疗科技股份有限公司"),
    "address": env.str("OPERATOR_ADDRESS", default="北京市"),
    "icp": env.str("OPERATOR_ICP", default=""),
    "licences": env.list("OPERATOR_LICENCES", default=[]),
    "privacy_contact": env.str("OPERATOR_PRIVACY_CONTACT", default=""),
    "support_phone": env.str("OPERATOR_SUPPORT_PHONE", default=""),
}

INSTALLED_APPS = [
    "config.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
    "pgtrigger",
    "django_structlog",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "csp",
    "consent",
    "accounts",
    "courses",
    "complaints",
    "config",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "accounts.middleware.RestoreGuardMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "accounts.middleware.VisitsMiddleware",
    "accounts.middleware.KnownDevicesMiddleware",
    "accounts.middleware.PrivatePagesMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.TooManyRequestsMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "accounts.middleware.ClosingMembersMiddleware",
    "accounts.middleware.SuspendedMembersMiddleware",
    "consent.middleware.TermsMiddleware",
    "consent.middleware.DevicePermissionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.site",
            ]
        },
    }
]
FORM_RENDERER = "config.forms.PortalRenderer"

# ── Where data lives ──────────────────────────────────────────────────────────
DATABASES = {
    "default": {
        **env.db_url("DATABASE_URL"),
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": env.int("DATABASE_CONN_MAX_AGE", default=60),
        "CONN_HEALTH_CHECKS": True,
    }
}
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 3)
REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "config.cache.ForgivingRedisCache",
        "LOCATION": env.str("CACHE_URL"),
        "KEY_PREFIX": env.str("CACHE_PREFIX", default="portal"),
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}
CACHES["sessions"] = {**CACHES["default"], "BACKEND": "config.cache.SessionCache"}
SESSION_ENGINE = "accounts.sessions"
SESSION_CACHE_ALIAS = "sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600
MEDIA_ROOT = env.path("MEDIA_ROOT")
MEDIA_URL = "/media/"
MEDIA_ACCEL_PREFIX = env.str("MEDIA_ACCEL_PREFIX", default="")
# Outside the database and its backups: what must be known of it by nobody who could change it.
LEDGER_DIR = env.path("LEDGER_DIR")
BACKUP_DAYS = env.int("BACKUP_DAYS", default=30)
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# ── Keys ──────────────────────────────────────────────────────────────────────
FIELD_KEYS = key_ring("FIELD_KEYS")
LOOKUP_KEY = key_ring("LOOKUP_KEY").popitem()[1]
RECEIPT_KEYS = key_ring("RECEIPT_KEYS")

# ── Language and time ─────────────────────────────────────────────────────────
LANGUAGE_CODE = "zh-hans"
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

# ── Members ───────────────────────────────────────────────────────────────────
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.PortalBackend"]
PASSWORD_HASHERS = ["accounts.hashers.PortalArgon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "accounts.validators.LongEnough", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.validators.NotFavoured"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "accounts:me"
STAFF_SECOND_STEP = env.bool("STAFF_SECOND_STEP", default=True)
CLOSURE_COOLING_DAYS = env.int("CLOSURE_COOLING_DAYS", default=7)

VISITS_WRITTEN_EVERY = 1.0  # seconds; 0: only when told to
CODE_VALID_SECONDS = 600
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "add_email": "accounts.forms.AddEmailForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "change_phone": "accounts.forms.ChangePhoneForm",
    "confirm_email_verification_code": "accounts.forms.ConfirmEmailForm",
    "confirm_login_code": "accounts.forms.ConfirmLoginCodeForm",
    "confirm_password_reset_code": "accounts.forms.ConfirmPasswordResetCodeForm",
    "login": "accounts.forms.LoginForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
    "request_login_code": "accounts.forms.RequestLoginCodeForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.ResetPasswordKeyForm",
    "set_password": "accounts.forms.SetPasswordForm",
    "signup": "accounts.forms.SignupForm",
    "verify_phone": "accounts.forms.VerifyPhoneForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_DISPLAY = "accounts.adapter.shown_name"
ACCOUNT_LOGIN_METHODS = {"phone", "email"}
# One of number and address is enough; the form removes the other field, the login stage asks for one proof.
ACCOUNT_SIGNUP_FIELDS = ["phone", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = ACCOUNT_PHONE_VERIFICATION_TIMEOUT = CODE_VALID_SECONDS
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_MAX_ATTEMPTS = ACCOUNT_PHONE_VERIFICATION_MAX_ATTEMPTS = 5
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = ACCOUNT_PHONE_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = CODE_VALID_SECONDS
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_PREVENT_ENUMERATION = True
# A hospital's doctors share an address: generous for each IP, strict for each number and account.
ACCOUNT_RATE_LIMITS = {
    "change_phone": "5/m/user",
    "confirm_email": "1/10s/key,30/m/ip",
    "login": "",  # SIGN_IN_TRIES instead
    "login_failed": "5/5m/key",  # the second step
    "request_login_code": "30/m/ip,3/m/key",
    "reset_password": "20/m/ip,3/m/key",
    "signup": "30/m/ip",
    "verify_phone": "1/30s/key,30/m/ip",
}
# Tries at a password within seconds: see accounts/attempts.py.
SIGN_IN_TRIES = {"account": (5, 300), "address": (30, 60)}
ACCOUNT_LOGOUT_REDIRECT_URL, ACCOUNT_SESSION_REMEMBER = "/", True
ACCOUNT_REAUTHENTICATION_REQUIRED, ACCOUNT_REAUTHENTICATION_TIMEOUT = True, 300
ALLAUTH_USER_CODE_FORMAT = {"numeric": True, "dashed": False, "length": 6}
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
MFA_ADAPTER = "accounts.adapter.SecondStepAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER, MFA_TOTP_TOLERANCE = SITE_NAME, 1  # one code late, as RFC 6238 section 5.2 recommends
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RATE_LIMITS = {"webauthn_login": "30/m/ip"}
MFA_FORMS = {
    "authenticate": "accounts.forms.second_step.AuthenticateForm",
    "reauthenticate": "accounts.forms.second_step.ReauthenticateCodeForm",
    "activate_totp": "accounts.forms.second_step.ActivateTOTPForm",
    "add_webauthn": "accounts.forms.second_step.AddKeyForm",
    "edit_webauthn": "accounts.forms.second_step.EditKeyForm",
    "login_webauthn": "accounts.forms.second_step.LoginKeyForm",
}
USERSESSIONS_TRACK_ACTIVITY = False
WEIXIN = weixin.KEYS
vars().update(weixin.SETTINGS)

# ── Mail and SMS: rows first, sent by the clock ───────────────────────────────
env.EMAIL_SCHEMES["inboxmail"] = "accounts.mail.InboxEmailBackend"
vars().update(env.email("EMAIL_URL"))
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL")
SMS_BACKEND = env.str("SMS_BACKEND")
DEMO_INBOX_DIR = env.path("DEMO_INBOX_DIR", default="") if env.str("DEMO_INBOX_DIR", default="") else None
ALIYUN_SMS = {
    "access_key_id": env.str("ALIYUN_SMS_ACCESS_KEY_ID", default=""),
    "access_key_secret": env.str("ALIYUN_SMS_ACCESS_KEY_SECRET", default=""),
    "sign_name": env.str("ALIYUN_SMS_SIGN_NAME", default=SITE_NAME),
    "templates": env.dict("ALIYUN_SMS_TEMPLATES", default={}),
    "endpoint": env.str("ALIYUN_SMS_ENDPOINT", default="dysmsapi.aliyuncs.com"),
    "protocol": env.str("ALIYUN_SMS_PROTOCOL", default="https"),
}

# ── Payment channels ──────────────────────────────────────────────────────────
ALIPAY = {
    "app_id": env.str("ALIPAY_APP_ID", default=""),
    "seller_id": env.str("ALIPAY_SELLER_ID", default=""),
    "private_key": pem("ALIPAY_PRIVATE_KEY"),
    "public_key": pem("ALIPAY_PUBLIC_KEY"),
    "gateway": env.str("ALIPAY_GATEWAY", default="https://openapi.alipay.com/gateway.do"),
}
ALIPAY_PAGE_ORIGINS = env.list("ALIPAY_PAGE_ORIGINS", default=["https://*.alipay.com"])

# ── Safe from the first day ───────────────────────────────────────────────────
HTTPS_ONLY = env.bool("HTTPS_ONLY", default=True)
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS_ONLY
SECURE_HSTS_PRELOAD = HTTPS_ONLY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ALLAUTH_TRUSTED_PROXY_COUNT else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = [SITE_URL]
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "img-src": [SELF, "data:"],
        # A form that leads to the cashier is a redirect, and Chromium checks every one that follows it: the gateway
        # only leads on to other hosts.
        "form-action": [SELF, *ALIPAY_PAGE_ORIGINS, *weixin.PAGE_ORIGINS],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: [] for name in ("camera", "geolocation", "microphone", "payment", "usb", "accelerometer", "gyroscope")
}

# ── Jobs and logs ─────────────────────────────────────────────────────────────
LOGGING = logs.configure(level=env.str("LOG_LEVEL", default="INFO"), style=env.str("LOG_STYLE", default="json"))
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# The clock says every second what it sends: only what goes wrong is worth a line, and of a request its end.
DJANGO_STRUCTLOG_CELERY_DEFAULT_LOG_LEVEL = DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_USER_ID_FIELD = None
