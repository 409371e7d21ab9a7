from django import forms

from accounts.models import User


class ProfileForm(forms.ModelForm[User]):
    """What a member says about themselves."""

    class Meta:
        model = User
        fields = ["name"]
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}
        help_texts = {"name": "可以不填；加密保存，只用于称呼您和核对身份"}
