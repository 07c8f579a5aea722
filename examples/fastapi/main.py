"""A FastAPI site with gaussapp inside one of its pages: ``uvicorn main:site``."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from panel.io.fastapi import add_applications

import gaussapp
import gaussapp.app.view  # before add_applications: it serves the scripts of the extensions that are loaded by then

PAGES = Path(__file__).parent / "pages"
APP = Path(gaussapp.__file__).with_name("main.py")  # what `panel serve gaussapp` runs

site = FastAPI(title="Peak laboratory")


@site.get("/")
def home() -> FileResponse:
    return FileResponse(PAGES / "home.html")


@site.get("/peaks")
def peaks() -> FileResponse:
    return FileResponse(PAGES / "peaks.html")


add_applications({"/gauss": str(APP)}, app=site)
