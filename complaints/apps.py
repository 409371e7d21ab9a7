from django.apps import AppConfig


class ComplaintsConfig(AppConfig):
    name = "complaints"
    verbose_name = "投诉与咨询"
    roles = {
        "客服": [
            "view_case",
            "view_entry",
            "answer_case",
            "hand_over_case",
            "view_cannedanswer",
            "add_cannedanswer",
            "change_cannedanswer",
        ]
    }
