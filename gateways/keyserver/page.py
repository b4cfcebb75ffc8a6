"""The page that says why a mail cannot reset a password, and what can."""

from starlette.responses import Response

from gateways.http.routes import Call, Route
from gateways.http.system import HTML, PAGE_POLICY

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Forgotten password</title>
<style>body{font-family:sans-serif;max-width:42em;margin:2em auto;line-height:1.5}</style></head>
<body>
<h1>Why a mail cannot reset your password</h1>
<p>Your key was encrypted on your own device, by your password. This server keeps it as it came and
has never seen the password. So it cannot open it, not for you and not for anybody who reads your
mail, and there is no link that could.</p>
<h2>What can</h2>
<ul>
<li><b>Your recovery seed</b>, which was shown once when you signed up (<code>S...</code>):
<code>tokend recover</code> sets a new password at once. The ledger removes your old key and takes
the new one; everybody concerned is told.</li>
<li><b>A device that is logged in</b>: it still holds your key. Change the password there while you
know it, or move your funds.</li>
<li><b>The operator</b>, if it knows who you are: a recovery by identity documents gives your
account a new key. It waits until as many people have agreed as the network's policy demands.</li>
</ul>
<h2>What the second factor protects</h2>
<p>The code of your authenticator guards this copy of your key. It does not guard transactions:
whoever has the key can sign without it.</p>
</body></html>
"""


async def show(_: Call) -> Response:
    return Response(PAGE, headers={"Content-Security-Policy": PAGE_POLICY}, media_type=HTML)


ROUTES = (
    Route(
        "/forgotten",
        "GET",
        show,
        "Why a mail cannot reset a password, and what can: a page for people.",
        media_type=HTML,
        tag="keys",
    ),
)
