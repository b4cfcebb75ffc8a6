"""The asynchronous client against a running gateway; the synchronous one is made from it."""

import asyncio

import pytest

from gateways.client.asynchronous.horizon import AsyncHorizonClient
from gateways.client.errors import HorizonUnavailable, ProblemError
from gateways.client.generate import NAMES, get_target, make_synchronous
from gateways.client.keys import generate_key, get_account_id, get_address
from gateways.client.transactions import build_transaction, make_create_account, sign_transaction
from schemas.generated.common import Hash
from tests.gateways.support import Gateway
from tests.support.network import get_key


@pytest.mark.parametrize("name", NAMES)
def test_one_is_made_from_the_other(name: str) -> None:
    assert get_target(name).read_text() == make_synchronous(name)


def test_transactions_go_in_and_come_out_of_a_stream(network: Gateway) -> None:
    people = [generate_key() for _ in range(5)]

    async def open_account(client: AsyncHorizonClient, person: int) -> str:
        master = get_key("master")
        info = await client.get_info()
        transaction = build_transaction(
            Hash(bytes.fromhex(info["network_id"])),
            get_account_id(master),
            [make_create_account(get_account_id(people[person]))],
            await client.get_network_time_ms(),
        )
        envelope = sign_transaction(transaction, master)
        done = await client.submit_until_final(envelope, 30)
        assert done == await client.submit(envelope)
        return str(done["hash"])

    async def scenario() -> None:
        async with AsyncHorizonClient(network.url, get_key("master")) as client:
            first = [each async for each in client.walk("/v3/transactions", {"page[limit]": "1"})]
            assert first
            hashes = await asyncio.gather(*(open_account(client, n) for n in range(5)))
            assert len(set(hashes)) == 5
            assert (await client.get_transaction(hashes[0]))["status"] == "success"
            for address in map(get_address, people):
                assert (await client.get_account(address))["data"]["id"] == address
            stream = client.stream("/v3/transactions", after="0")
            async for _, resource in stream:
                if resource["id"] == hashes[-1]:
                    break
            await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(scenario())


def test_problems_and_unreachable_gateways(network: Gateway) -> None:
    async def scenario() -> None:
        async with AsyncHorizonClient(network.url, get_key("master")) as client:
            with pytest.raises(ProblemError):
                await client.get_account(get_address(generate_key()))
        async with AsyncHorizonClient("http://127.0.0.1:1") as nobody:
            with pytest.raises(HorizonUnavailable):
                await nobody.get_info()

    asyncio.run(scenario())
