from django.contrib.auth.password_validation import MinimumLengthValidator


class LongEnough(MinimumLengthValidator):
    """Django's, whose sentence has no Chinese any more."""

    def get_error_message(self) -> str:
        return f"密码太短，至少要 {self.min_length} 位"

    def get_help_text(self) -> str:
        return f"至少 {self.min_length} 位"
