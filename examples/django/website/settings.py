"""Settings of the site: the least that Django needs."""

import os
import secrets

SECRET_KEY = os.environ.get("SECRET_KEY", secrets.token_urlsafe())
DEBUG = os.environ.get("DEBUG") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "website.urls"
INSTALLED_APPS = ["website"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
STATIC_URL = "/assets/"  # /static/ belongs to the app
USE_TZ = True
