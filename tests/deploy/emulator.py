"""The emulator of AWS, the gateways' simulators and a CRM that is told things: everything around a deployed stack."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools/emulator/bin"
REGION = "eu-central-1"
# The first of three ports: the emulator's, the gateways' and the CRM's.
PORT = int(os.environ.get("PAYLINK_DEPLOY_TEST_PORT", "9400"))
# What a browser on a telephone sends when a person opens a page.
NAVIGATION = {
    "User-Agent": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
}


class Answer:
    """What came back from a call."""

    def __init__(self, status: int, headers, text: str):
        self.status, self.headers, self.text = status, headers, text

    def json(self):
        return json.loads(self.text)

    @property
    def location(self) -> str:
        assert "location" in self.headers, f"{self.status} without a location: {self.text}"
        return self.headers["location"]


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def send(method: str, url: str, headers: dict | None = None, body: str | None = None) -> Answer:
    """One request, redirects not followed. Every name leads to this machine, and what is https on AWS is the emulator."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or PORT, timeout=60)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, target, body=body, headers={"Host": parts.netloc, **(headers or {})})
    answer = connection.getresponse()
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode())


def browse(url: str) -> Answer:
    """A person opens an address."""
    return send("GET", url, NAVIGATION)


def press(link: str) -> Answer:
    """A person presses the button of the page before the gateway."""
    return send("POST", f"{link}/go", FORM, "")


def wait_for(what: str, look, seconds: float = 60):
    """What `look` answers, as soon as it answers something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.3)
    raise AssertionError(f"{what} did not come within {seconds} seconds")


class Crm:
    """The CRM's endpoint: takes every event, and looks at its signature when somebody asks for it."""

    def __init__(self):
        self.received: list[tuple] = []
        self.secret = b""
        crm = self

        class Endpoint(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                crm.received.append((self.headers, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", PORT + 2), Endpoint)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://localhost:{PORT + 2}/paylink-events"

    def is_signed(self, headers, body: bytes) -> bool:
        """Whether the signature is that of Standard Webhooks under the secret that the API showed."""
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.digest(self.secret, content, hashlib.sha256)).decode()
        return f"v1,{expected}" in headers["webhook-signature"].split(" ")

    def told(self, link: str, kind: str):
        """The event of a kind about a link, as soon as it came; twice the schedule's minute is long enough."""
        def look():
            for headers, body in list(self.received):
                event = json.loads(body)
                if (event["payment_link_id"], event["type"]) == (link, kind):
                    return headers, body, event
            return None

        headers, body, event = wait_for(f"{kind} of {link}", look, 130)
        assert self.is_signed(headers, body), f"{kind} was not signed"
        return event


class Emulator:
    """ministack and the simulators of the gateways, until they are stopped."""

    def __init__(self, scratch: Path):
        self.scratch = scratch
        self.endpoint = f"http://127.0.0.1:{PORT}"
        self.gateways = f"http://localhost:{PORT + 1}"
        self.children: list[subprocess.Popen] = []

    def endpoints(self) -> dict[str, str]:
        """Where AWS is, and nothing else of it: neither a region nor who calls."""
        endpoints = {f"AWS_ENDPOINT_URL_{service}": self.endpoint for service in ("DYNAMODB", "S3", "SNS", "SES", "SQS")}
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **endpoints,
            "AWS_ENDPOINT_URL": self.endpoint,
            "SAM_CLI_TELEMETRY": "0",
        }

    def environment(self) -> dict[str, str]:
        """What the emulator, its functions and this test find in their environment."""
        return {
            **self.endpoints(),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def terminal(self) -> dict[str, str]:
        """What a person at a terminal has who begins with the guide: credentials in a file, as `aws configure` writes it,
        and no region. The guide itself has to say that."""
        credentials = self.scratch / "credentials"
        credentials.write_text("[default]\naws_access_key_id = test\naws_secret_access_key = test\n")
        nowhere = {"AWS_CONFIG_FILE": str(self.scratch / "no-configuration"), "AWS_EC2_METADATA_DISABLED": "true"}
        return {**self.endpoints(), **nowhere, "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}

    def start(self) -> None:
        """Starts both and waits until they answer."""
        environment = {
            **self.environment(),
            # Signatures are checked, and every call is held against the policies of who makes it.
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(PORT),
            "MINISTACK_REGION": REGION,
            "S3_DATA_DIR": str(self.scratch / "s3"),
            "STATE_DIR": str(self.scratch / "state"),
            "TMPDIR": str(self.scratch),
            # The functions inherit this: where the emulator's services are, and that the CRM is on this machine.
            "PAYLINK_WEBHOOK_REACH": "this_machine",
        }
        self._run("emulator", [str(TOOLS / "ministack")], environment)
        self._run("gateways", [str(ROOT / "target/debug/paylink-gateways"), str(PORT + 1)], dict(os.environ))
        wait_for("the emulator", lambda: self._answers(f"{self.endpoint}/_ministack/health"))
        wait_for("the gateways", lambda: self._answers(f"{self.gateways}/zarinpal/books.json"))

    def _run(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        with open(self.scratch / f"{name}.log", "w") as log:
            child = subprocess.Popen(command, env=environment, cwd=self.scratch, stdout=log, stderr=log)
        self.children.append(child)

    def _answers(self, url: str) -> bool:
        for child in self.children:
            assert child.poll() is None, f"{child.args[0]} ended by itself; {self.scratch} has its log"
        try:
            return send("GET", url).status == 200
        except OSError:
            return False

    def stop(self) -> None:
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait(10)

    def text_messages(self, number: str) -> list[str]:
        """What a phone got."""
        answer = send("GET", f"{self.endpoint}/_ministack/sns/sms-messages").json()["sms_messages"]
        return [message.get("Message") or message.get("message") for message in answer.get(number, [])]

    def emails(self, address: str) -> list[dict]:
        """What a mailbox got."""
        answer = send("GET", f"{self.endpoint}/_ministack/ses/messages").json()["messages"]
        everything = [message for messages in answer.values() for message in messages]
        return [message for message in everything if address in json.dumps(message)]
