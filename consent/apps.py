from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "consent"
    verbose_name = "协议与同意"
    roles = {
        "编辑": ["view_document", "add_document", "change_document"],
        "个人信息保护负责人": ["view_document", "add_document", "change_document", "announce_document", "view_recall"],
    }

    def ready(self) -> None:
        from consent import (
            checks,  # noqa: F401 - registers itself
            removing,
        )

        removing.connect()
