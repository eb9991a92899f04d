"""A real SMTP server that insists on STARTTLS and on a login, and keeps what it accepts."""

import contextlib
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Lock
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from shared.testing.certificates import make_certificates
from shared.testing.ports import free_port
from shared.testing.process import scratch_folder


@dataclass(frozen=True)
class AcceptedMail:
    """One mail that the server took: who it was from and for on the envelope, and the message itself."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage
    over_tls: bool
    login: str

    @property
    def subject(self) -> str:
        return str(self.message["subject"])

    @property
    def text(self) -> str:
        """The plain text body with plain line ends, empty when there is none."""
        body = self.message.get_body(preferencelist=("plain",))
        return "" if body is None else str(body.get_content()).replace("\r\n", "\n")


class SmtpPart:
    """The mail server of a test session, in a thread of the test process."""

    host = "127.0.0.1"
    username = "flowtower"
    password = "smtp-tests-only"

    def __init__(self) -> None:
        self.port = free_port()
        self.certificates = make_certificates(scratch_folder("smtp"))
        self._mails: list[AcceptedMail] = []
        self._refusals: list[str] = []
        self._lock = Lock()
        self._controller: Any = None

    @property
    def ca_pem(self) -> str:
        """The authority that signed the server's certificate, as PEM text."""
        return self.certificates.authority.read_text()

    @property
    def messages(self) -> list[AcceptedMail]:
        """Every mail accepted since the last `clear`, oldest first."""
        with self._lock:
            return list(self._mails)

    def clear(self) -> None:
        with self._lock:
            self._mails.clear()
            self._refusals.clear()

    def refuse_next(self, count: int, answer: str = "451 4.3.0 try again later") -> None:
        """Answer the next `count` mails with this SMTP reply instead of accepting them."""
        with self._lock:
            self._refusals.extend([answer] * count)

    def start(self) -> None:
        self._controller = Controller(
            self,
            hostname=self.host,
            port=self.port,
            tls_context=self.certificates.server_context(),
            require_starttls=True,
            authenticator=self._authenticate,
            auth_required=True,
            auth_require_tls=True,
        )
        self._controller.start()

    def stop(self) -> None:
        """Close the server: connections are refused until `start`."""
        if self._controller is not None:
            with contextlib.suppress(RuntimeError):
                self._controller.stop()
            self._controller = None

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
        known = (
            mechanism in {"LOGIN", "PLAIN"}
            and isinstance(data, LoginPassword)
            and data.login == self.username.encode()
            and data.password == self.password.encode()
        )
        # handled=False makes the server send its own 535; with True a refused client would wait for ever.
        return AuthResult(success=known, handled=False, auth_data=self.username if known else None)

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        with self._lock:
            if self._refusals:
                return self._refusals.pop(0)
            self._mails.append(
                AcceptedMail(
                    sender=str(envelope.mail_from),
                    recipients=tuple(envelope.rcpt_tos),
                    message=message_from_bytes(envelope.content, policy=policy.default),
                    over_tls=session.ssl is not None,
                    login=str(session.auth_data or ""),
                )
            )
        return "250 2.0.0 accepted"
