"""What stands between a right password and being in."""

from allauth.account import stages
from allauth.mfa.webauthn.internal.flows import did_use_passwordless_login
from django.contrib import messages
from django.http import HttpResponse

EXPIRED = "验证码已过期，请重新获取"


class PhoneVerificationStage(stages.PhoneVerificationStage):
    def abort(self) -> HttpResponse:
        """Say why the person is back at the start, unless the code was tried too often: then that was said."""
        from allauth.account import app_settings

        if self.state.get("failed_attempts", 0) < app_settings.PHONE_VERIFICATION_MAX_ATTEMPTS:
            messages.error(self.request, EXPIRED)
        return super().abort()


class EmailVerificationStage(stages.EmailVerificationStage):
    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Ask for the code by mail, unless the member has proven a number: one proven contact is enough.

        Who comes by a key alone was in before, or could not have added it; they may have no contact at all.
        """
        user = self.login.user
        if user is not None and (user.phone_verified or did_use_passwordless_login(self.request, user)):
            return None, True
        if user is None and self.login.phone:
            return None, True
        return super().handle()
