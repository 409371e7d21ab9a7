from django.apps import AppConfig


class CoursesConfig(AppConfig):
    name = "courses"
    verbose_name = "课程与付款"
    roles = {
        "编辑": [
            *(f"{verb}_{what}" for what in ("course", "lesson", "media") for verb in ("view", "add", "change")),
            "delete_lesson",
            "delete_media",
        ]
    }
