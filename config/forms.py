"""How every form of the portal is written as HTML."""

from django.forms.renderers import TemplatesSetting


class PortalRenderer(TemplatesSetting):
    """Label, help, control and error of a field in one piece; a summary of errors above a long form."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"
