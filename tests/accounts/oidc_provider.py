"""A small OpenID Connect provider on this machine: whoever asks is signed in as the claims say."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

CLIENT_ID, SECRET = "tollbooth-test", "a secret of thirty-two characters"


class Provider:
    """`claims` is what it says of the person; `requests` what it was asked."""

    def __init__(self):
        self.claims = {"sub": "7", "email": "dora@example.com", "email_verified": True, "name": "Dora"}
        self.url, self.requests, self.is_down, self._nonces = "", [], False, iter(range(10**6))

    def answer(self, path, query, form):
        self.requests.append((path, query | form))
        if self.is_down:
            return 503, {}
        match path:
            case "/.well-known/openid-configuration":
                return 200, self._configuration()
            case "/authorize":
                back = urlencode({"code": "c0de", "state": query["state"]})
                return 302, f"{query['redirect_uri']}?{back}"
            case "/token" if form.get("client_secret") == SECRET and form.get("code_verifier"):
                return 200, {"access_token": "t0ken", "token_type": "Bearer", "id_token": self._id_token()}
            case "/userinfo":
                return 200, self.claims
        return 400, {"error": "invalid_request"}

    def _configuration(self):
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "userinfo_endpoint": "userinfo"}
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            **{name: f"{self.url}/{path}" for name, path in places.items()},
        }

    def _id_token(self):
        now = int(time.time())
        said = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "jti": str(next(self._nonces))}
        return jwt.encode(said | self.claims, SECRET, algorithm="HS256")


@contextmanager
def running():
    """The provider, served on a free port."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            self._send(*provider.answer(parts.path, _flat(parts.query), _flat(self.rfile.read(length).decode())))

        do_POST = do_GET

        def _send(self, status, said):
            self.send_response(status)
            body = b"" if status == 302 else json.dumps(said).encode()
            self.send_header(*(("Location", said) if status == 302 else ("Content-Type", "application/json")))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *parts):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield provider
    server.shutdown()
    thread.join()
    server.server_close()


def _flat(query):
    return {name: values[0] for name, values in parse_qs(query).items()}
