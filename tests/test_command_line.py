"""The command line: what it prints, what it says when something is wrong, and its exit codes."""

import base64
import csv
import gzip
import io
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import gaussapp
from gaussapp import fit, sample, samples
from gaussapp.__main__ import main
from gaussapp.commands import check, public

ROOT = Path(gaussapp.__file__).parent.parent
ECKERLE = str(ROOT / "gaussapp" / "samples" / "eckerle4.csv")
GAUSS = str(ROOT / "gaussapp" / "samples" / "gauss1.csv")


def test_help_explains_both_uses(capsys):
    for flag in ("--help", "-h", "help"):
        assert main([flag]) == 0
        shown = capsys.readouterr().out
        for words in ("gaussapp fit FILE", "panel serve", "gaussapp public --origin", "gaussapp check", "--version"):
            assert words in shown


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"gaussapp {gaussapp.__version__}\n"


def test_an_unknown_command_is_explained(capsys):
    assert main(["peak.csv"]) == 2
    assert "To fit a file: gaussapp fit peak.csv" in capsys.readouterr().err


def test_a_report_is_what_python_shows(capsys):
    assert main(["fit", ECKERLE]) == 0
    shown = capsys.readouterr().out
    assert shown == f"{ECKERLE}: x = wavelength, y = transmittance\n{fit(sample('eckerle4'))!r}\n"


def test_json_holds_the_same_numbers(capsys):
    assert main(["fit", ECKERLE, GAUSS, "--json", "--level", "0.9"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["file"] == ECKERLE
    assert first["columns"] == {"x": "wavelength", "y": "transmittance", "sigma": None}
    found = fit(sample("eckerle4"))
    assert first["parameters"]["width"]["value"] == found.values["width"]
    assert [first["parameters"]["width"][end] for end in ("low", "high")] == list(found.interval(0.9)["width"])
    assert second["file"] == GAUSS


def test_csv_has_one_row_a_file(capsys):
    assert main(["fit", GAUSS, "missing.csv", "--csv", "--peaks", "2", "--baseline", "exponential"]) == 1
    captured = capsys.readouterr()
    good, bad = csv.DictReader(io.StringIO(captured.out))
    certified = samples()["gauss1"].certified["values"]
    assert float(good["width_2"]) == pytest.approx(certified["width_2"])
    assert float(good["decay_rate"]) == pytest.approx(certified["decay_rate"])
    assert float(good["width_2_low"]) < certified["width_2"] < float(good["width_2_high"])
    assert float(good["area_2"]) == fit(sample("gauss1"), peaks=2, baseline="exponential").area[1].value
    assert good["trustworthy"] == "True"
    assert not good["error"]
    assert bad["file"] == "missing.csv"
    assert bad["error"] in captured.err
    assert not bad["width_2"]


@pytest.mark.parametrize("shape", [[], ["--json"], ["--csv"]])
def test_one_bad_file_is_a_sentence_and_the_others_are_done(shape, tmp_path, capsys):
    bad = tmp_path / "bad.csv"
    bad.write_text("x,y\n1,2\n3,oops\n5,6\n")
    assert main(["fit", str(bad), ECKERLE, str(tmp_path), *shape]) == 1
    captured = capsys.readouterr()
    first, second = captured.err.splitlines()
    assert first.startswith(f"{bad}: column 'y', to be used as y, holds text: 'oops' in line 3")
    assert second.startswith(f"{tmp_path}: ")
    assert "Traceback" not in captured.err
    assert "451.5" in captured.out


def test_columns_range_and_errors_can_be_chosen(tmp_path, capsys):
    path = tmp_path / "table.csv"
    rows = [
        f"{i},{y},{x},{0.1}" for i, (x, y) in enumerate(zip(sample("eckerle4").x, sample("eckerle4").y, strict=True))
    ]
    path.write_text("\n".join(["n,signal,position,error", *rows]))
    common = ["fit", str(path), "--x", "position", "--y", "1", "--range", "420", "480", "--json"]

    def fitted(*more):
        assert main([*common, *more]) == 0
        return json.loads(capsys.readouterr().out)[0]

    weighted = fitted()
    assert weighted["columns"] == {"x": "position", "y": "signal", "sigma": "error"}
    assert weighted["absolute_sigma"] is True
    assert weighted["parameters"]["center"]["value"] == pytest.approx(451.54, abs=0.02)
    assert 0 < weighted["points"] < 35
    assert fitted("--relative-sigma")["absolute_sigma"] is False
    assert fitted("--sigma", "none")["columns"]["sigma"] is None
    assert fitted("--sigma", "3", "--absolute-sigma")["columns"]["sigma"] == "error"
    assert fitted("--baseline", "constant")["baseline"] == "constant"


def test_parameters_can_be_held_and_the_loss_chosen(tmp_path, capsys):
    def fitted(*more):
        assert main(["fit", *more, "--json"]) == 0
        return json.loads(capsys.readouterr().out)[0]

    held = fitted(
        ECKERLE, "--fix", "width=4", "--bound", "center=451:", "--bound", "amplitude=:0.4", "--start", "center=452"
    )
    expected = fit(
        sample("eckerle4"),
        fixed={"width": 4},
        bounds={"center": (451, None), "amplitude": (None, 0.4)},
        start={"center": 452},
    )
    assert held["parameters"]["center"]["value"] == expected.values["center"]
    assert held["fixed"] == {"width": 4.0}
    assert held["bounds"] == {"center": [451.0, None], "amplitude": [None, 0.4]}
    tied = fitted(GAUSS, "--peaks", "2", "--baseline", "exponential", "--tie", "width_2=width_1 - 3")
    assert tied["ties"] == {"width_2": "width_1 - 3.0"}
    path = tmp_path / "counts.csv"
    path.write_text("x,y,sigma\n" + "\n".join(f"{x},{y},1" for x, y in enumerate([0, 1, 3, 9, 14, 11, 4, 1, 0, 0])))
    assert fitted(str(path), "--loss", "poisson")["loss"] == "poisson"
    assert main(["fit", str(path), "--loss", "poisson", "--sigma", "sigma"]) == 1
    assert "takes no sigma" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (["--fix", "width"], "written width=0.4, not 'width'"),
        (["--fix", "width=a"], "'a' in 'width=a' is not a number"),
        (["--bound", "center=3"], "written center=1:2, center=1: or center=:2, not 'center=3'"),
        (["--loss", "huber"], "invalid choice"),
        (["--bound", "center=3:1"], "low 3.0 is above high 1.0"),
        (["--fix", "width=1", "--fix", "width=2"], "--fix names width twice"),
        (["--tie", "width=2 +"], "is not understood"),
    ],
)
def test_constraints_that_are_not_understood_or_contradict_have_exit_code_two(choice, words, capsys):
    with pytest.raises(SystemExit) as left:
        main(["fit", ECKERLE, *choice])
    assert left.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (["--loss", "poisson"], "is not a whole number"),
    ],
)
def test_a_loss_that_the_data_do_not_suit_is_said(choice, words, capsys):
    assert main(["fit", ECKERLE, *choice]) == 1
    assert words in capsys.readouterr().err


def test_the_standard_input_can_be_fitted(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(samples()["eckerle4"].text().encode())))
    assert main(["fit", "-"]) == 0
    assert "standard input: x = wavelength" in capsys.readouterr().out


def test_notes_and_other_levels_are_reported(tmp_path, capsys):
    path = tmp_path / "german.csv"
    lines = [f"{x};{y}".replace(".", ",") for x, y in zip(sample("eckerle4").x, sample("eckerle4").y, strict=True)]
    path.write_text("\n".join(lines))
    assert main(["fit", str(path), "--level", "0.68"]) == 0
    shown = capsys.readouterr().out
    assert "Commas were read as decimal points." in shown
    assert "68 % intervals:" in shown
    low, high = fit(sample("eckerle4")).interval(0.68)["width"]
    assert f"width  [{low:.6g}, {high:.6g}]" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit"], "FILE"),
        (["fit", ECKERLE, "--level", "2"], "a probability lies between 0 and 1"),
        (["fit", ECKERLE, "--level", "nan"], "a probability lies between 0 and 1"),
        (["fit", ECKERLE, "--level", "high"], "invalid"),
        (["fit", ECKERLE, "--peaks", "0"], "--peaks must be 1 or more, not 0"),
        (["fit", ECKERLE, "--baseline", "cubic"], "invalid choice"),
        (["fit", ECKERLE, "--json", "--csv"], "not allowed with"),
        (["fit", ECKERLE, "--absolute-sigma", "--relative-sigma"], "not allowed with"),
        (["fit", ECKERLE, "--nonsense"], "unrecognized arguments"),
        (["public"], "--origin"),
    ],
)
def test_a_command_that_is_not_understood_has_exit_code_two(arguments, words, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (["--x", "energy"], "there is no column 'energy'"),
        (["--x", "7"], "there is no column 7"),
        (["--range", "1", "2"], "no point of 'eckerle4.csv' lies between 1 and 2"),
        (["--range", "2", "1"], "is empty"),
        (["--peaks", "20"], "20"),
    ],
)
def test_what_cannot_be_fitted_is_said(choice, words, capsys):
    assert main(["fit", ECKERLE, *choice]) == 1
    captured = capsys.readouterr()
    assert words in captured.err
    assert not captured.out


def test_samples_are_listed_and_printed(capsys):
    assert main(["sample"]) == 0
    listed = capsys.readouterr().out
    for item in samples().values():
        assert item.title in listed
        assert item.licence in listed
    assert main(["sample", "gamma"]) == 0
    assert capsys.readouterr().out == samples()["gamma"].text()
    assert main(["sample", "iris"]) == 1
    assert "choose one of eckerle4" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error():
    command = [sys.executable, "-m", "gaussapp", "fit", *[ECKERLE] * 50]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.stdout.read(10)
    run.stdout.close()
    errors = run.stderr.read().decode()
    run.stderr.close()
    assert run.wait() == 0
    assert errors == ""


def test_a_terminal_without_greek_letters_is_no_error():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "gaussapp", "fit", ECKERLE]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, env=environment, check=True)
    assert b"center" in run.stdout


@pytest.mark.parametrize("flags", [["--port", "5010", "--show"], ["serve", "--port", "5010", "--show"]])
def test_all_flags_go_to_panel_serve(flags, monkeypatch):
    served = []
    monkeypatch.setattr("panel.command.main", lambda: served.append(list(sys.argv)))
    monkeypatch.setattr(sys, "argv", ["gaussapp"])
    assert main(flags) == 0
    assert served == [["panel", "serve", str(ROOT / "gaussapp"), "--port", "5010", "--show"]]


def test_the_module_is_the_command():
    run = subprocess.run([sys.executable, "-m", "gaussapp", "--version"], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == f"gaussapp {gaussapp.__version__}\n"
    run = subprocess.run(
        [sys.executable, "-m", "gaussapp", "fit", "missing.csv"], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert run.stderr.startswith("missing.csv: there is no file")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("www.example.org", "www.example.org"),
        ("https://www.example.org/", "www.example.org"),
        ("http://localhost:8080", "localhost:8080"),
        ("WWW.Example.org:443", "www.example.org:443"),
    ],
)
def test_an_origin_is_a_host(origin, host):
    assert public.host_of(origin) == host


@pytest.mark.parametrize(
    "origin", ["*", "*.example.org", "", "https://", "a.org/path", "a.org:x", "me@a.org", "a:99999"]
)
def test_an_origin_that_is_no_single_host_is_refused(origin, capsys):
    assert main(["public", "--origin", origin]) == 2
    assert "--origin" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flag", ["--rest-session-info", "--rest", "--session-ids=unsigned", "--reuse-sessions", "--dev"]
)
def test_flags_that_would_open_the_door_are_refused(flag, capsys):
    assert main(["public", "--origin", "www.example.org", flag]) == 2
    assert f"{flag} does not go with gaussapp public" in capsys.readouterr().err


def test_a_message_that_unpacks_to_too_much_is_refused(monkeypatch):
    """Bokeh unpacks arrays in messages without a limit; in the open there is one."""
    from bokeh.core import serialization

    monkeypatch.setattr(serialization, "gzip", gzip)
    public._bound_unpacking()

    def message(content):
        return {"type": "bytes", "data": base64.b64encode(gzip.compress(content)).decode()}

    assert serialization.Deserializer().decode(message(b"abc")) == b"abc"
    with pytest.raises(ValueError, match="unpacks to more than"):
        serialization.Deserializer().decode(message(bytes(public.UNPACKED_BYTES + 1)))
    with pytest.raises(ValueError, match="cannot be unpacked"):
        public.unpack(b"not packed")
    with pytest.raises(ValueError, match="cut off"):
        public.unpack(gzip.compress(b"abc" * 100)[:-9])


# Servers --------------------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Start servers and wait until they listen; returns process and port."""
    running = []

    def run(*command):
        port = free_port()
        log = (tmp_path_factory.mktemp("server") / "log.txt").open("w+b")
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--port", str(port), "--address", "localhost"],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        running.append((process, log))
        for _ in range(600):
            assert process.poll() is None, Path(log.name).read_text()
            with socket.socket() as client:
                if client.connect_ex(("localhost", port)) == 0:
                    return process, port
            time.sleep(0.1)
        raise AssertionError(Path(log.name).read_text())

    yield run
    for process, log in running:
        process.terminate()
        process.wait()
        log.close()


@pytest.fixture(scope="module")
def apps(start, tmp_path_factory):
    """Return the port of a server with a page that works, one that fails while it is built, and an error page."""
    folder = tmp_path_factory.mktemp("apps")
    sources = {
        "works": "import panel as pn; pn.pane.Str('here').servable()",
        "fails": "raise RuntimeError('while it was built')",
        "half": "import panel as pn; pn.extension(notifications=True); raise RuntimeError('after the extension')",
        "sorry": "import panel as pn; pn.pane.HTML('<div data-gaussapp=\"error-page\">sorry</div>').servable()",
    }
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    return start("panel", "serve", *(str(folder / f"{name}.py") for name in sources))


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("works", 0, "there is a page in a new session"),
        ("fails", 1, "the session is empty, the page is blank"),
        ("half", 1, "the session is empty, the page is blank"),
        ("sorry", 1, "an error page is shown"),
        ("nowhere", 1, "status 404"),
        ("liveness", 1, "status 404"),
        ("static/js/bokeh.min.js", 1, "is not a page of gaussapp"),
    ],
)
def test_a_check_looks_into_the_session(apps, path, code, words, capsys):
    _, port = apps
    assert main(["check", f"http://localhost:{port}/{path}"]) == code
    captured = capsys.readouterr()
    assert words in (captured.err if code else captured.out)


def test_a_check_leaves_the_server_idle(apps, capsys):
    process, port = apps
    stat = Path(f"/proc/{process.pid}/stat")
    if not stat.exists():
        pytest.skip("there is no /proc to read the time of a process from")

    def used():
        return sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    assert main(["check", f"localhost:{port}/works"]) == 0
    time.sleep(0.5)
    before = used()
    time.sleep(1.0)
    assert used() - before < 0.3


def test_a_check_of_nothing_says_so(capsys):
    assert main(["check", f"localhost:{free_port()}"]) == 1
    assert "no server answers" in capsys.readouterr().err


def test_a_check_does_not_wait_for_ever(capsys):
    with socket.socket() as silent:
        silent.bind(("localhost", 0))
        silent.listen()
        assert main(["check", f"localhost:{silent.getsockname()[1]}", "--timeout", "0.5"]) == 1
    assert "does not answer within" in capsys.readouterr().err


def test_the_address_of_the_page_is_completed():
    assert check.page_address("example.org") == "http://example.org/gaussapp"
    assert check.page_address("https://example.org/") == "https://example.org/gaussapp"
    assert check.page_address("https://example.org/peaks/?noise=1") == "https://example.org/peaks?noise=1"


def test_a_public_server_takes_its_own_sessions_and_no_others(start, capsys):
    from tornado.ioloop import IOLoop
    from tornado.websocket import websocket_connect

    _, port = start("gaussapp", "public", "--origin", "www.example.org")
    page = f"http://localhost:{port}/gaussapp"
    assert main(["check", page, "--origin", "www.example.org"]) == 0
    assert main(["check", page, "--origin", "evil.example"]) == 1
    assert "is evil.example among the hosts" in capsys.readouterr().err
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{page}?bokeh-session-id=forged")

    unsigned = base64.urlsafe_b64encode(json.dumps({"session_id": "forged", "session_expiry": 9e9}).encode()).decode()

    async def first_message(token):
        connection = await websocket_connect(f"ws://localhost:{port}/gaussapp/ws", subprotocols=["bokeh", token])
        try:
            return await connection.read_message()
        finally:
            connection.close()

    with urllib.request.urlopen(page) as answer:
        own = re.search(check.TOKEN, answer.read().decode())[1]
    loop = IOLoop(make_current=False)
    assert "ACK" in loop.run_sync(lambda: first_message(own))
    assert loop.run_sync(lambda: first_message(unsigned.rstrip("="))) is None
    loop.close()
