"""The pages of the site; /gauss is served beside them, see asgi.py."""

from django.urls import path
from django.views.generic import TemplateView

urlpatterns = [
    path("", TemplateView.as_view(template_name="home.html")),
    path("peaks", TemplateView.as_view(template_name="peaks.html")),
]
