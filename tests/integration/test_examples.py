"""The examples for integrators, as those would run them, against a whole network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.client import examples
from schemas.strkey import encode_account_id, encode_seed
from tests.integration.conftest import NAMES
from tests.support.network import get_account, get_key
from tests.support.node import NODE_PROGRAM, install_packages
from tests.support.whole_deployment import WholeDeployment

FOLDER = Path(examples.__file__).parent
NODE = FOLDER / "node"
GO = FOLDER / "go"
JAVA = FOLDER / "java"
PAYER, PAYEE = NAMES[0], NAMES[1]


def run(*command: object, folder: Path | None = None) -> str:
    done = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def require(*programs: str) -> None:
    """A toolchain that a user's machine may lack: what is not run is listed, and CI must run it."""
    missing = [each for each in programs if shutil.which(each) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"not run, for want of {' and '.join(missing)}")
    assert missing == []


@pytest.fixture
def go() -> None:
    require("go")


@pytest.fixture
def java() -> None:
    require("mvn", "javac")


@pytest.fixture(scope="module")
def node_packages() -> None:
    install_packages(NODE)


def run_java(main_class: str, *arguments: object) -> str:
    values = (f"-Dexec.mainClass={main_class}", f"-Dexec.args={' '.join(map(str, arguments))}")
    return run("mvn", "-B", "-q", "compile", "exec:java", *values, folder=JAVA)


@pytest.fixture
def seed_file(tmp_path: Path) -> Path:
    file = tmp_path / "payer.seed"
    file.write_text(encode_seed(bytes(get_key(PAYER))))
    return file


@pytest.mark.servers
def test_python_pays_by_kafka(whole_deployment: WholeDeployment, seed_file: Path) -> None:
    endpoints = whole_deployment.running.place.folder.root / "endpoints.json"
    module = "gateways.client.examples.pay_by_kafka"
    payee = encode_account_id(get_account(PAYEE))
    told = run(sys.executable, "-m", module, endpoints, seed_file, payee, "0.05", "EUR", 2)
    assert "SUCCESS" in told
    assert "verified from the genesis on" in told


@pytest.mark.servers
@pytest.mark.usefixtures("node_packages")
def test_node_pays_by_kafka(whole_deployment: WholeDeployment, seed_file: Path) -> None:
    endpoints = whole_deployment.running.place.folder.root / "endpoints.json"
    payee = encode_account_id(get_account(PAYEE))
    told = run(NODE_PROGRAM, NODE / "pay_by_kafka.mjs", endpoints, seed_file, payee, 5, "EUR")
    assert "SUCCESS" in told
    assert "verified from the genesis on" in told


@pytest.mark.slow  # npm fetches packages
@pytest.mark.usefixtures("node_packages")
def test_node_holds_the_byte_vectors() -> None:
    assert "all vectors hold" in run(NODE_PROGRAM, NODE / "check_vectors.mjs")


@pytest.mark.servers
@pytest.mark.usefixtures("go")
def test_go_pays_by_post(whole_deployment: WholeDeployment, seed_file: Path) -> None:
    endpoints = whole_deployment.running.place.folder.root / "endpoints.json"
    payee = encode_account_id(get_account(PAYEE))
    told = run("go", "run", ".", endpoints, seed_file, payee, 5, "EUR", folder=GO)
    assert "SUCCESS" in told
    assert "verified from the genesis on" in told


@pytest.mark.slow  # the compiler, and modules that it fetches
@pytest.mark.usefixtures("go")
def test_go_holds_the_byte_vectors() -> None:
    run("go", "vet", ".", folder=GO)
    assert run("go", "test", "-count=1", ".", folder=GO).startswith("ok")


@pytest.mark.servers
@pytest.mark.usefixtures("java")
def test_java_pays_by_post(whole_deployment: WholeDeployment, seed_file: Path) -> None:
    endpoints = whole_deployment.running.place.folder.root / "endpoints.json"
    payee = encode_account_id(get_account(PAYEE))
    told = run_java("Pay", endpoints, seed_file, payee, 5, "EUR")
    assert "SUCCESS" in told
    assert "verified from the genesis on" in told


@pytest.mark.slow
@pytest.mark.usefixtures("java")
def test_java_holds_the_byte_vectors() -> None:
    assert "all vectors hold" in run_java("CheckVectors")
