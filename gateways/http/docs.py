"""The documentation page: the route table and the problem types as one HTML page without assets."""

from collections.abc import Sequence
from html import escape

from gateways.http.problems import PROBLEM_TYPES, ProblemType
from gateways.http.routes import Parameter, Route
from gateways.http.signatures import ACCEPTED, LIFETIME_SECONDS

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font-family: ui-monospace, monospace; }
article { border-top: 1px solid #8886; padding: .5rem 0 1rem; }
table { border-collapse: collapse; } td { padding: .1rem 1rem .1rem 0; vertical-align: top; }
.mark { border: 1px solid #8886; border-radius: .3rem; padding: 0 .4rem; font-size: .8rem; }
"""

SIGNING = (
    "<p>Private routes answer who signs the request (RFC 9421) by a signer of the owner's account, "
    "or of the master's. One profile is known: <code>Content-Digest: sha-256=:...:</code> of the "
    "body, also of an empty one; <code>Signature-Input: "
    f"{escape(ACCEPTED)}</code> with values for <code>created</code> (seconds since 1970), "
    "<code>keyid</code> (G..., the key that signs) and <code>nonce</code> (random, used once); "
    "<code>Signature: sig=:...:</code>, Ed25519 over the signature base. The authority is this "
    f"gateway's public address. A signature holds for {LIFETIME_SECONDS} seconds; "
    "<code>/v3/info</code> and the header <code>Date</code> tell the gateway's clock.</p>"
)


def build_page(routes: Sequence[Route], title: str) -> str:
    """A whole HTML document."""
    problems = "".join(_render_problem(each) for each in PROBLEM_TYPES)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f'<h1>{escape(title)}</h1><p>Machines read <a href="/openapi.json">/openapi.json</a>. '
        "Amounts are decimal strings, ids and sequences strings, times UTC. Every answer from the "
        "views names its ledger in the header <code>Latest-Ledger</code>.</p>"
        f"<h2>Signed requests</h2>{SIGNING}"
        f"<h2>Routes</h2>{''.join(_render_route(each) for each in routes)}"
        f"<h2>Problems</h2>{problems}</body></html>"
    )


def _render_route(route: Route) -> str:
    marks = ["public" if route.is_public else "private", *(["streams"] if route.streams else [])]
    spans = " ".join(f'<span class="mark">{each}</span>' for each in marks)
    parameters = "".join(
        _render_parameter(each) for each in (*route.path_parameters, *route.parameters)
    )
    accepts = ", ".join(f"<code>{escape(each)}</code>" for each in route.accepts)
    return (
        f"<article><h3><code>{route.method} {escape(route.path)}</code> {spans}</h3>"
        f"<p>{escape(route.doc)}</p><table>{parameters}</table>"
        f"{f'<p>Body: {accepts}</p>' if accepts else ''}</article>"
    )


def _render_parameter(parameter: Parameter) -> str:
    name, doc = escape(parameter.name), escape(parameter.doc)
    return f"<tr><td><code>{name}</code></td><td>{doc}</td></tr>"


def _render_problem(problem: ProblemType) -> str:
    return (
        f'<article id="problem-{problem.slug}"><h3><code>{problem.slug}</code> ({problem.status})'
        f"</h3><p>{escape(problem.title)}.</p><p>{escape(problem.remedy)}</p></article>"
    )
