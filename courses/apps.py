from django.apps import AppConfig


class CoursesConfig(AppConfig):
    name = "courses"
    verbose_name = "课程与付款"
    roles = {
        "编辑": [
            *(f"{verb}_{what}" for what in ("course", "lesson", "media") for verb in ("view", "add", "change")),
            "delete_lesson",
            "delete_media",
        ],
        "财务": [
            *(
                f"view_{what}"
                for what in ("order", "payment", "refund", "paymentevent", "enrollment", "paymentaccount")
            ),
            "resolve_payment",
            "retry_refund",
        ],
        "客服": ["view_order", "view_payment", "view_refund", "view_enrollment"],
    }

    def ready(self) -> None:
        from courses import checks  # noqa: F401 - registers itself
