"""What everybody may know: the network, the key of statements, and how keys are derived."""

import msgspec
from starlette.responses import Response

from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document
from gateways.http.problems import BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE
from gateways.http.routes import Call, Route
from gateways.keyserver.answers import JSON, Address, Body, Meta, answer, read_email
from gateways.keyserver.kdfs import LIVE, SALT_BYTES, Kdf
from gateways.keyserver.service import KeyServer
from schemas.strkey import encode_account_id


class InfoAttributes(msgspec.Struct, frozen=True):
    """`statement_key`: signs registration statements."""

    network_id: str
    statement_key: str
    kdfs: list[Kdf]


async def get_info(call: Call) -> Response:
    keyserver: KeyServer = call.service
    key = encode_account_id(bytes(keyserver.statement_key.verify_key))
    attributes = InfoAttributes(keyserver.network_id.hex(), key, list(LIVE))
    return answer(call, "info", "keyserver", attributes)


class KdfBody(Body, frozen=True):
    """Whose salt it is; any address has one."""

    email: Address


class KdfAttributes(msgspec.Struct, frozen=True):
    """`kdfs`: newest first; a client tries one after the other."""

    salt: bytes
    kdfs: list[Kdf]


async def get_kdf(call: Call) -> Response:
    """The salt follows from the address: nothing is looked up, so nothing tells who is known."""
    keyserver: KeyServer = call.service
    body: KdfBody = await read_body(call)
    email = read_email(body.email)
    salt = keyserver.keks.compute_lookup("salt", email.encode())[:SALT_BYTES]
    return answer(call, "kdfs", "argon2id", KdfAttributes(salt, list(LIVE)))


ROUTES = (
    Route(
        "/v1/info",
        "GET",
        get_info,
        "The network, and the key that signs registration statements.",
        response=Document[InfoAttributes, Meta],
        tag="keys",
    ),
    Route(
        "/v1/kdf",
        "POST",
        get_kdf,
        "The salt of an address, and the live key derivations.",
        response=Document[KdfAttributes, Meta],
        accepts={JSON: KdfBody},
        problems=(BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE),
        tag="keys",
    ),
)
