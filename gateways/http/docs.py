"""The documentation page: route table and problem types as one HTML page without assets."""

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
    "<p>Requests to private routes are signed (RFC 9421) {signers}. There is one profile: "
    "<code>Content-Digest: sha-256=:...:</code> of the body, also of an empty one; "
    f"<code>Signature-Input: {escape(ACCEPTED)}</code> with values for <code>created</code> "
    "(seconds since 1970), <code>keyid</code> (the signing key, G...) and <code>nonce</code> "
    "(random, used once); <code>Signature: sig=:...:</code>, Ed25519 over the signature base. The "
    f"authority is this gateway's public address. A signature is valid for {LIFETIME_SECONDS} "
    "seconds. The header <code>Date</code> has the gateway's clock.</p>"
)


def build_page(routes: Sequence[Route], title: str, description: str, signers: str) -> str:
    """A whole HTML document. `signers` says who may sign for private routes."""
    problems = "".join(_render_problem(each) for each in get_problem_types(routes))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1><p>{escape(description)}</p>"
        '<p>For machines: <a href="/openapi.json">/openapi.json</a>.</p>'
        f"<h2>Signed requests</h2>{SIGNING.format(signers=escape(signers))}"
        f"<h2>Routes</h2>{''.join(_render_route(each) for each in routes)}"
        f"<h2>Problems</h2>{problems}</body></html>"
    )


def get_problem_types(routes: Sequence[Route]) -> list[ProblemType]:
    """The types that every gateway has, then those that routes name besides."""
    named = (problem for route in routes for problem in route.problems)
    return list(dict.fromkeys((*PROBLEM_TYPES, *named)))


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
