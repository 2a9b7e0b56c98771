"""`run.py` notices when its virtual environment is not what it should be, and speaks plainly when it cannot go on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A checkout in a folder of its own whose `.venv` was finished for serving."""
    for name in (run.SERVING, run.DEVELOPING):
        (tmp_path / name).write_text(f"packages of {name}")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    monkeypatch.setattr(run, "ROOT", str(tmp_path))
    monkeypatch.setattr(run, "VENV_PYTHON", str(python))
    monkeypatch.setattr(run, "STAMP", str(tmp_path / ".venv" / "stamp"))
    write_stamp(run.SERVING)
    return tmp_path


def write_stamp(requirements):
    Path(run.STAMP).write_text(f"{run.identity()}\n{run.digest(requirements)}\n")


def test_a_finished_environment_is_ready_for_what_it_was_made_for(finished):
    assert run.is_ready(run.SERVING)
    assert not run.is_ready(run.DEVELOPING)


def test_the_developers_environment_also_serves(finished):
    write_stamp(run.DEVELOPING)
    assert run.is_ready(run.SERVING)
    assert run.is_ready(run.DEVELOPING)


def test_an_interrupted_installation_is_not_ready(finished):
    Path(run.STAMP).unlink()
    assert not run.is_ready(run.SERVING)
    assert not run.is_whole()


def test_new_requirements_are_installed_into_the_same_environment(finished):
    (finished / run.SERVING).write_text("newer packages")
    assert not run.is_ready(run.SERVING)
    assert run.is_whole()


def test_a_deleted_interpreter_is_noticed(finished):
    python = Path(run.VENV_PYTHON)
    python.unlink()
    python.symlink_to(finished / "python-that-was-removed")
    assert not run.is_whole()


def test_a_replaced_interpreter_is_noticed(finished):
    python = Path(run.VENV_PYTHON)
    python.unlink()
    python.symlink_to("/bin/sh")
    assert not run.is_whole()


def test_a_moved_checkout_is_noticed(finished, monkeypatch):
    monkeypatch.setattr(run, "ROOT", "/somewhere/else")
    assert not run.is_whole()


def test_it_never_builds_on_the_python_of_a_virtual_environment():
    python = run.probe(sys.executable)
    assert python.minor == sys.version_info[:2]
    assert not python.path.startswith(sys.prefix)


@pytest.mark.parametrize("path", ["/nonexistent/python3", "/bin/false", "/bin/echo"])
def test_what_is_no_python_is_passed_over(path):
    assert run.probe(path) is None


def stand_in(folder, version, venv_works):
    """A program that answers the probe as a Python of this version would."""
    path = folder / "python3"
    path.write_text(f"#!/bin/sh\nprintf '%s\\n' {path} {version} {venv_works}\n")
    path.chmod(0o755)
    return str(path)


def test_a_missing_venv_module_is_named_with_its_package(tmp_path, monkeypatch):
    python = stand_in(tmp_path, "3.12.4", 0)
    monkeypatch.setattr(run, "candidates", lambda: [python])
    with pytest.raises(run.Trouble, match=re.escape("apt-get install python3.12-venv")):
        run.find_python(with_pip=True)
    assert run.find_python(with_pip=False).path == python


def test_only_old_pythons_are_named_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "candidates", lambda: [stand_in(tmp_path, "3.9.2", 1)])
    with pytest.raises(run.Trouble, match=re.escape("needs Python 3.11 or newer")):
        run.find_python(with_pip=True)


def test_a_verb_that_does_not_exist_shows_the_menu():
    done = subprocess.run([sys.executable, "run.py", "sevre"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "serve" in done.stdout
    assert "'sevre'" in done.stderr


def test_tests_run_on_every_core_unless_told_otherwise():
    count, workers = run.parallel([])[:2]
    assert count == "-n"
    assert 1 <= int(workers) <= 8
    assert run.parallel(["-n0"]) == []
    assert run.parallel(["--pdb"]) == []


@pytest.fixture
def of_this_python(monkeypatch):
    """Its checks are programs of the environment in which the test runs."""
    monkeypatch.setattr(run, "VENV", sys.prefix)


def test_checks_that_fail_are_named_and_show_what_they_printed(of_this_python, monkeypatch, capsys):
    checks = (
        ("good", ("python", "-c", "print('nobody wants to know')")),
        ("bad", ("python", "-c", "import os, sys; sys.exit(os.environ['DATABASE_URL'])")),
    )
    monkeypatch.setattr(run, "CHECKS", checks)
    assert run.report(run.start_checks()) == ["bad"]
    assert capsys.readouterr().out == "good: ok\nbad: FAILED\nsqlite://:memory:\n\n"


def pins(requirements):
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / requirements).read_text(), re.MULTILINE))


def test_the_developers_lock_contains_the_serving_lock():
    assert pins(run.SERVING).items() <= pins(run.DEVELOPING).items()


@pytest.mark.parametrize("requirements", [run.SERVING, run.DEVELOPING])
def test_the_locks_name_no_place_to_download_from(requirements):
    assert "://" not in (ROOT / requirements).read_text()


def test_ci_runs_the_test_command_of_the_readme():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec python3 run.py test"
