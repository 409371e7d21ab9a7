from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "consent"
    verbose_name = "协议与同意"

    def ready(self) -> None:
        from consent import checks  # noqa: F401 - registers itself
