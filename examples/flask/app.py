"""A Flask site with gaussapp inside one of its pages: ``python app.py``.

Flask does not speak websockets, so Tornado, which serves the app, serves Flask's pages too: one process, one port, one
origin.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import panel as pn
from flask import Flask, render_template
from tornado.web import FallbackHandler
from tornado.wsgi import WSGIContainer

import gaussapp

APP = Path(gaussapp.__file__).with_name("main.py")  # what `panel serve gaussapp` runs

site = Flask(__name__, static_folder=None)  # /static/ belongs to the app


@site.get("/")
def home():
    return render_template("home.html")


@site.get("/peaks")
def peaks():
    return render_template("peaks.html")


if __name__ == "__main__":
    flask = WSGIContainer(site, executor=ThreadPoolExecutor())  # in threads: a slow page does not hold the app
    pn.serve(
        {"/gauss": str(APP)},
        port=int(os.environ.get("PORT", "5000")),
        extra_patterns=[(r"/(?!gauss|static/).*", FallbackHandler, {"fallback": flask})],
        show=False,
    )
