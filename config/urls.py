"""Every address of the portal."""

from django.contrib import admin
from django.urls import include, path

from accounts.urls import weixin
from config import health, views

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("accounts.urls")),  # before allauth's: some of its pages are ours
    path("account/", include("allauth.account.urls")),
    path("account/2fa/", include("allauth.mfa.urls")),
    path("account/sessions/", include("allauth.usersessions.urls")),
    path("account/weixin/", include(weixin)),
    path("admin/", admin.site.urls),
    path("", include("consent.urls")),
    path("", include("courses.urls")),
    path("", include("complaints.urls")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.page_not_found"
handler500 = "config.errors.server_error"
