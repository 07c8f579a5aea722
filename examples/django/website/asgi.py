"""Django's pages and gaussapp under one address: ``uvicorn website.asgi:application``."""

import os
from pathlib import Path

from django.core.asgi import get_asgi_application
from fastapi import FastAPI
from panel.io.fastapi import add_applications

import gaussapp
import gaussapp.app.view  # before add_applications: it serves the scripts of the extensions that are loaded by then

APP = Path(gaussapp.__file__).with_name("main.py")  # what `panel serve gaussapp` runs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "website.settings")

application = FastAPI(openapi_url=None)
add_applications({"/gauss": str(APP)}, app=application)
application.mount("/", get_asgi_application())  # last: everything else is Django's
