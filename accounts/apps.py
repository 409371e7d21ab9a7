from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "会员"
    roles = {
        "客服": ["view_user", "view_message", "add_disclosure", "view_disclosure"],
        "个人信息保护负责人": [
            "view_closure",
            "view_user",
            "terminate_user",
            "retry_closure",
            "pause_purge",
            "view_retentionrun",
            "view_residuefinding",
            "decide_residuefinding",
            "add_partnerrecord",
            "view_partnerrecord",
            "view_look",
            *(f"{verb}_disclosure" for verb in ("add", "view", "delete", "approve")),
        ],
    }

    def ready(self) -> None:
        from allauth.account.signals import (
            email_changed,
            password_changed,
            password_reset,
            password_set,
            user_logged_in,
        )
        from allauth.usersessions.signals import on_user_logged_in

        from accounts import (  # noqa: F401 - some declare themselves
            adapter,
            checks,
            inventory,
            known_devices,
            roles,
            services,
        )

        # allauth's own looks at every session of the member: see accounts/services/devices.py.
        user_logged_in.disconnect(on_user_logged_in)
        user_logged_in.connect(services.note_device, dispatch_uid="accounts.devices")
        user_logged_in.connect(known_devices.note_sign_in, dispatch_uid="accounts.known_devices")
        email_changed.connect(adapter.tell_of_address, dispatch_uid="accounts.tell_of_address")
        for signal in (password_changed, password_reset, password_set):
            signal.connect(adapter.forget_tries, dispatch_uid="accounts.forget_tries")
        post_migrate.connect(roles.grant, dispatch_uid="accounts.roles")
