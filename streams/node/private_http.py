"""The node's private port, for its own Horizon: status, proofs, simulations, metrics. Shell.

Everything but /health needs the bearer token.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import msgspec
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from schemas.codec import encode
from schemas.generated.keys import KeyBytes
from streams.herder.proofs import Proofs
from streams.herder.simulator import Simulator
from streams.ledger.admission import ENVELOPE_BYTES_MAX, RejectionReason
from streams.node.ballot_box import BallotBox, Refused, VoteRequest
from streams.node.config import PeerSettings
from streams.node.metrics import MEDIA_TYPE, Metrics
from streams.private_port import has_token

log = structlog.get_logger()

KEYS_MAX = 256
PROOF_REQUEST_BYTES_MAX = 256 * 1024
VOTE_REQUEST_BYTES_MAX = 32 * 1024
PEERS_BYTES_MAX = 64 * 1024

Handler = Callable[[Request], Awaitable[Response]]
KeyText = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{2}){1,400}\Z")]


class ProofRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which entries to prove, or their absence. `keys`: LedgerKey bytes in hex, in lower case.

    `sequence`: a ledger that is held. `is_held`: hold the ledger that is proved at, so that more
    can be asked at it. Neither: the last certified ledger.
    """

    keys: Annotated[tuple[KeyText, ...], msgspec.Meta(min_length=1, max_length=KEYS_MAX)]
    sequence: int | None = None
    is_held: bool = False


class PeersRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The node's peers from now on, as its settings file names them."""

    peers: tuple[PeerSettings, ...]


class PrivateHttp:
    """`get_status` answers a JSON object whose "is_healthy" decides /health. `ballot_box`: takes
    the operator's votes, `set_peers` a new list of peers (it raises ValueError); without them there
    are no such routes."""

    def __init__(
        self,
        token: str,
        proofs: Proofs,
        simulator: Simulator,
        metrics: Metrics,
        get_status: Callable[[], Mapping[str, Any]],
        ballot_box: BallotBox | None = None,
        set_peers: Callable[[tuple[PeerSettings, ...]], None] | None = None,
    ) -> None:
        self._token = token
        self._metrics = metrics
        self._proofs = proofs
        self._simulator = simulator
        self._get_status = get_status
        self.app = Starlette(
            routes=[
                Route("/health", self._get_health),
                self._make_route("/status", self._show_status),
                self._make_route("/proof", self._get_proof, "POST"),
                self._make_route("/metrics", self._get_metrics),
                self._make_route("/simulate", self._simulate, "POST"),
                *([] if ballot_box is None else self._make_vote_routes(ballot_box)),
                *([] if set_peers is None else [self._make_peers_route(set_peers)]),
            ]
        )

    def make_server(self, listen: str) -> uvicorn.Server:
        host, _, port = listen.rpartition(":")
        config = uvicorn.Config(
            self.app,
            host=host,
            port=int(port),
            log_level="warning",
            access_log=False,
            lifespan="off",
        )
        return uvicorn.Server(config)

    def _make_route(self, path: str, handler: Handler, method: str = "GET") -> Route:
        """Of what needs the token."""

        async def guarded(request: Request) -> Response:
            if not has_token(request, self._token):
                return PlainTextResponse("the bearer token is missing or wrong", 401)
            return await handler(request)

        return Route(path, guarded, methods=[method])

    async def _get_health(self, _: Request) -> Response:
        """Nothing secret: who asks may be anybody on the node's network. What waits for the archive
        is told and is no reason to be unhealthy: the node goes on."""
        status = self._get_status()
        names = ("is_healthy", "sequence", "archive_backlog", "problems")
        shown = {name: status.get(name) for name in names}
        return JSONResponse(shown, 200 if status["is_healthy"] else 503)

    async def _show_status(self, _: Request) -> Response:
        return JSONResponse(self._get_status())

    async def _get_metrics(self, _: Request) -> Response:
        return Response(self._metrics.render(self._get_status()), media_type=MEDIA_TYPE)

    async def _get_proof(self, request: Request) -> Response:
        """The body is a JSON `ProofRequest`."""
        body = await _read_body(request, PROOF_REQUEST_BYTES_MAX)
        if body is None:
            return PlainTextResponse(f"longer than {PROOF_REQUEST_BYTES_MAX} bytes", 413)
        try:
            wanted = msgspec.json.decode(body, type=ProofRequest)
        except msgspec.MsgspecError as error:
            return PlainTextResponse(f"not a request for a proof: {error}", 400)
        if wanted.sequence is not None and wanted.is_held:
            return PlainTextResponse("give `sequence` or `is_held`, not both", 400)
        sequence = self._proofs.hold() if wanted.is_held else wanted.sequence
        keys = [KeyBytes(bytes.fromhex(text)) for text in dict.fromkeys(wanted.keys)]
        if sequence is not None:
            proof = self._proofs.prove_held(sequence, keys)
        else:
            proof = None if wanted.is_held else self._proofs.prove(keys)
        if proof is None and wanted.sequence is not None:
            return PlainTextResponse(f"ledger {sequence} is not held: ask for a newer one", 404)
        if proof is None:
            return PlainTextResponse("no ledger was certified since the start; ask again", 503)
        return JSONResponse(
            {
                "sequence": proof.sequence,
                "header": _show(proof.header),
                "certificate": _show(encode(proof.certificate)),
                "entries": [
                    {
                        "key": _show(each.key),
                        "entry": None if each.entry is None else _show(each.entry),
                        "proof": _show(encode(each.path)),
                    }
                    for each in proof.entries
                ],
            }
        )

    async def _simulate(self, request: Request) -> Response:
        """The body is an unframed envelope."""
        envelope = await _read_body(request, ENVELOPE_BYTES_MAX)
        if envelope is None:
            return PlainTextResponse(f"longer than {ENVELOPE_BYTES_MAX} bytes", 413)
        simulated = self._simulator.simulate(envelope)
        if isinstance(simulated, RejectionReason):
            return JSONResponse({"rejection": simulated.code.name, "detail": simulated.detail})
        if simulated.defect is not None:
            log.error("a simulation met a defect of ours", exc_info=simulated.defect)
        return JSONResponse(
            {
                "sequence": simulated.sequence,
                "close_time_ms": simulated.close_time_ms,
                "result": _show(encode(simulated.result)),
                "effects": [_show(encode(each)) for each in simulated.effects],
            }
        )

    def _make_peers_route(self, set_peers: Callable[[tuple[PeerSettings, ...]], None]) -> Route:
        async def put(request: Request) -> Response:
            """The body is a JSON `PeersRequest`. Settings files are the operator's to change."""
            body = await _read_body(request, PEERS_BYTES_MAX)
            if body is None:
                return PlainTextResponse(f"longer than {PEERS_BYTES_MAX} bytes", 413)
            try:
                wanted = msgspec.json.decode(body, type=PeersRequest)
                set_peers(wanted.peers)
            except ValueError as error:  # msgspec's are, too
                return PlainTextResponse(f"not a list of peers: {error}", 400)
            log.info("peers", names=[each.name for each in wanted.peers])
            return JSONResponse({"peers": [each.name for each in wanted.peers]})

        return self._make_route("/peers", put, "PUT")

    def _make_vote_routes(self, ballot_box: BallotBox) -> list[Route]:
        async def show(_: Request) -> Response:
            return JSONResponse({"votes": ballot_box.show()})

        async def add(request: Request) -> Response:
            """The body is a JSON `VoteRequest`."""
            body = await _read_body(request, VOTE_REQUEST_BYTES_MAX)
            if body is None:
                return PlainTextResponse(f"longer than {VOTE_REQUEST_BYTES_MAX} bytes", 413)
            try:
                wanted = msgspec.json.decode(body, type=VoteRequest)
                return JSONResponse({"hash": await ballot_box.add(wanted)}, 201)
            except msgspec.MsgspecError as error:
                return PlainTextResponse(f"not a vote: {error}", 400)
            except Refused as refused:
                return PlainTextResponse(str(refused), 409)

        async def withdraw(request: Request) -> Response:
            if await ballot_box.withdraw(request.path_params["hash"]):
                return PlainTextResponse("withdrawn")
            return PlainTextResponse("there is no such vote", 404)

        return [
            self._make_route("/votes", show),
            self._make_route("/votes", add, "POST"),
            self._make_route("/votes/{hash}", withdraw, "DELETE"),
        ]


async def _read_body(request: Request, bytes_max: int) -> bytes | None:
    """None if it is longer."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            return None
    return bytes(body)


def _show(data: bytes) -> str:
    return base64.b64encode(data).decode()
