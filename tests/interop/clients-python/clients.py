"""Python's client libraries at Leno's authorization server, from the authorization request to a renewed token.

{library, issuer, clientId, clientSecret, redirectUri, user} on standard input; {first, second}, the token responses, on standard
output. `user` is an access token of the user who allows it.
"""

import json
import os
import sys
from urllib.parse import parse_qs, urlsplit

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests  # noqa: E402
from authlib.integrations.requests_client import OAuth2Session as Authlib  # noqa: E402
from requests_oauthlib import OAuth2Session  # noqa: E402

ask = json.load(sys.stdin)
at = f"{ask['issuer']}/api/integration/ever-gauzy/oauth"
scope = "integrations:read"


def allow(url: str) -> str:
    """What the user does. Returns where the browser goes then."""
    opened = requests.get(url, allow_redirects=False, timeout=10)
    identifier = parse_qs(urlsplit(opened.headers["location"]).query)["request_id"][0]
    approved = requests.post(
        f"{at}/authorize",
        json={"request_id": identifier},
        headers={"authorization": f"Bearer {ask['user']}"},
        timeout=10,
    )
    return approved.json()["redirect_url"]


def authlib() -> dict:
    session = Authlib(
        ask["clientId"],
        ask["clientSecret"],
        scope=scope,
        redirect_uri=ask["redirectUri"],
        code_challenge_method="S256",
    )
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    url, state = session.create_authorization_url(f"{at}/authorize", code_verifier=verifier)
    back = allow(url)
    first = dict(session.fetch_token(f"{at}/token", authorization_response=back, state=state, code_verifier=verifier))
    second = dict(session.refresh_token(f"{at}/token"))
    return {"first": first, "second": second}


def requests_oauthlib() -> dict:
    session = OAuth2Session(ask["clientId"], redirect_uri=ask["redirectUri"], scope=scope, pkce="S256")
    url, _ = session.authorization_url(f"{at}/authorize")
    back = allow(url)
    # By Basic, raw: as this library sends it.
    first = session.fetch_token(
        f"{at}/token", authorization_response=back, client_secret=ask["clientSecret"], include_client_id=False
    )
    first = dict(first)
    auth = requests.auth.HTTPBasicAuth(ask["clientId"], ask["clientSecret"])
    second = dict(session.refresh_token(f"{at}/token", auth=auth))
    return {"first": first, "second": second}


json.dump({"authlib": authlib, "requests-oauthlib": requests_oauthlib}[ask["library"]](), sys.stdout)
