"""`tokend transfer` against a running gateway: shown, taken out, signed, brought back."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateways.client.keys import get_seed
from infra.cli.transfer import app
from tests.gateways.client.test_transfers import add_bank_transfer
from tests.gateways.horizon.border_history import showing
from tests.gateways.support import Gateway, wait_until
from tests.support import border
from tests.support.network import get_key


@pytest.fixture(scope="module", autouse=True)
def transfer(network: Gateway) -> None:
    with showing(network.world):
        add_bank_transfer(network.world.network)


def run(network: Gateway, seed: Path, *arguments: str) -> Any:
    url = () if arguments[0] == "sign" else ("--url", network.url)
    result = CliRunner().invoke(app, [*arguments, "--seed-file", str(seed), *url])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_transfer_goes_out_in_a_file_and_comes_back_signed(
    network: Gateway, tmp_path: Path
) -> None:
    files = {name: tmp_path / name for name in ("master", "cosigner")}
    for name, who in (("master", "master"), ("cosigner", border.COSIGNERS[0])):
        files[name].write_text(get_seed(get_key(who)))
    out, signed = tmp_path / "out", tmp_path / "signed"
    shown = run(network, files["master"], "show", "1")
    assert "PAY 100 ETH" in shown
    assert "signed by" not in shown
    run(network, files["master"], "export", "1", "--out", str(out))
    run(network, files["cosigner"], "sign", str(out), "--out", str(signed), "--yes")
    run(network, files["cosigner"], "import", str(signed))
    wait_until(lambda: "signed by" in run(network, files["master"], "show", "1"))


def test_what_has_no_signature_is_not_brought_back(network: Gateway, tmp_path: Path) -> None:
    seed, out = tmp_path / "seed", tmp_path / "out"
    seed.write_text(get_seed(get_key("master")))
    run(network, seed, "export", "1", "--out", str(out))
    refused = ["import", str(out), "--seed-file", str(seed), "--url", network.url]
    assert CliRunner().invoke(app, refused).exit_code != 0
