from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "会员"

    def ready(self) -> None:
        from accounts import inventory  # noqa: F401 - declares other packages' models
