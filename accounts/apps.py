from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "会员"
    roles = {"客服": ["view_user", "view_message"]}

    def ready(self) -> None:
        from accounts import checks, inventory, roles  # noqa: F401 - register and declare themselves

        post_migrate.connect(roles.grant, dispatch_uid="accounts.roles")
