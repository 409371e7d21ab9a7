from django.apps import AppConfig
from django.contrib.admin import apps


class PortalConfig(AppConfig):
    """What belongs to the whole portal: its commands and its checks."""

    name = "config"
    verbose_name = "门户"
    default = True

    def ready(self) -> None:
        from config import checks  # noqa: F401 - registers itself


class PortalAdminConfig(apps.AdminConfig):
    default_site = "config.admin.PortalAdminSite"
    default = False
