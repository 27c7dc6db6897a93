"""The commands: every one declares its words, and misuse is told in words."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from taktwin import __version__
from taktwin.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", sorted(main.COMMANDS))
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main.run([name, "--help"])
    assert left.value.code == 0
    assert f"usage: taktwin {name}" in capsys.readouterr().out


def test_no_command_and_an_unknown_one_show_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([]) == 2
    assert main.run(["dance"]) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in main.COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["version"]) == 0
    assert capsys.readouterr().out == f"taktwin {__version__}\n"


def test_check_names_the_mistakes_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["check", str(ROOT / "examples" / "plants" / "northfield")]) == 0
    assert main.run(["check", str(tmp_path)]) == 1
    assert "plant.yaml" in capsys.readouterr().err


def test_browse_says_why_a_machine_cannot_be_reached(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["browse", "opc.tcp://127.0.0.1:1"]) == 1
    assert "opc.tcp://127.0.0.1:1" in capsys.readouterr().err
    assert main.run(["browse", "x", "--connector", "telex"]) == 1
    assert "--connector = telex: expected one of" in capsys.readouterr().err


def test_asking_a_folder_where_nothing_runs_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["state", "--data", str(tmp_path)]) == 1
    assert "expected the data folder of a running installation" in capsys.readouterr().err


def test_doctor_finds_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main.run(["doctor", str(ROOT / "examples" / "plants" / "northfield"), "--data", str(tmp_path)])
    told = capsys.readouterr().out
    assert "nats-server" in told
    assert "Northfield" in told


def test_a_model_is_found_in_a_log_and_bad_lines_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["case,activity,worker,start,end,machine"]
    for order in range(30):
        hour = 6 + order % 3
        lines.append(
            f"o{order},turn,ann,2012-01-{1 + order:02} 0{hour}:00:00,2012-01-{1 + order:02} 0{hour}:40:00,M1"
        )
    log, out = tmp_path / "log.csv.gz", tmp_path / "model.json"
    log.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert main.run(["simulate", "fit", str(log), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "30 operations of 30 orders" in told and "work/turn/M1: always 2400 s, n = 30" in told
    document = json.loads(out.read_text())
    assert document["schema"] == "taktwin.discovered.v1" and document["skills"] == {"ann": ["turn"]}
    plain = tmp_path / "log.csv"
    plain.write_text("\n".join([*lines, "o31,turn,ann,soon,2012-02-09 06:00:00,M1"]))
    assert main.run(["simulate", "fit", str(plain)]) == 1
    assert "log.csv:32: start = 'soon': expected an instant" in capsys.readouterr().out
    assert main.run(["simulate", "fit", str(tmp_path / "none.csv")]) == 1
    assert "none.csv: expected a file that exists" in capsys.readouterr().err
    plain.write_text("a,b\n1,2\n")
    assert main.run(["simulate", "fit", str(plain)]) == 1
    assert "log.csv:1: case = no such column" in capsys.readouterr().err
    log.write_bytes(log.read_bytes()[:40])
    assert main.run(["simulate", "fit", str(log)]) == 1
    assert "expected text in UTF-8, plain or packed with gzip" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_ends_a_command_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "taktwin", "version"]
    ended = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (main.READER_GONE, b"")
