"""Sending a mail: connect to a checked address, STARTTLS, login, DATA.

A 4xx answer may be better later, a 5xx answer never is. Once the message itself was on its way, a lost connection leaves it
open whether the server took it.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiosmtplib
from pydantic import ValidationError

from alerter.application.channels import Permanent, Retryable
from alerter.channels.email.config import EmailConfig, EmailSecret
from alerter.channels.email.message import mail
from alerter.domain.notice import Notice
from shared.runtime.egress import EgressRefused

PACE = 0.2
"""Seconds between two mails to the same channel."""

TIMEOUT = 10.0

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port → addresses that the egress policy allows; raises EgressRefused, or OSError for a name without any."""


class EmailChannel:
    """One list of recipients behind one SMTP server."""

    def __init__(self, config: EmailConfig, secret: EmailSecret, resolve: Resolve) -> None:
        self._config = config
        self._secret = secret
        self._resolve = resolve

    async def send(self, notice: Notice, receipt: str) -> str:
        """Send one mail; the receipt is its Message-ID. Whether it is the first one stands in the notice, not in the receipt."""
        del receipt
        message = mail(notice, self._config)
        password = self._secret.password.get_secret_value()
        if self._config.username and self._config.security == "none":
            raise Permanent("security: none would send the password in the clear. Use starttls or tls, or leave the username empty.")
        server = await self._connected()
        try:
            if self._config.username:
                await self._login(server, password)
            await self._deliver(server, message)
        finally:
            server.close()
        return str(message["Message-ID"])

    async def _connected(self) -> aiosmtplib.SMTP:
        where = f"{self._config.host}:{self._config.port}"
        try:
            connection = await self._socket()
        except EgressRefused as error:
            raise Permanent(f"{error}. Correct the host, or let an administrator allow it.") from error
        except OSError as error:
            raise Retryable(f"{where} cannot be reached: {error}") from error
        server = aiosmtplib.SMTP(
            hostname=self._config.host,
            sock=connection,
            timeout=TIMEOUT,
            use_tls=self._config.security == "tls",
            start_tls=self._config.security == "starttls",
            tls_context=self._tls() if self._config.security != "none" else None,
        )
        try:
            await server.connect()
        except ssl.SSLCertVerificationError as error:
            raise Permanent(f"The certificate of {where} is not trusted: {error.verify_message}. Set ca_pem or the right host.") from error
        except aiosmtplib.SMTPException as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise Permanent(f"The certificate of {where} is not trusted: {error}. Set ca_pem or the right host.") from error
            if "not supported" in str(error):
                raise Permanent(f"{where} offers no STARTTLS; choose security tls or another port.") from error
            raise Retryable(f"{where} did not greet: {error}") from error
        except (OSError, ValueError) as error:
            raise Retryable(f"{where} did not greet: {error}") from error
        return server

    async def _socket(self) -> socket.socket:
        """Connect to the first allowed address that answers; the name is not resolved a second time."""
        loop = asyncio.get_running_loop()
        last: OSError = OSError("the name has no address")
        for address in await self._resolve(self._config.host, self._config.port):
            connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            connection.setblocking(False)
            try:
                async with asyncio.timeout(TIMEOUT):
                    await loop.sock_connect(connection, (address, self._config.port))
            except (OSError, TimeoutError) as error:
                connection.close()
                last = OSError(str(error) or "timed out")
            else:
                return connection
        raise last

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._config.ca_pem:
            try:
                context.load_verify_locations(cadata=self._config.ca_pem)
            except ssl.SSLError as error:
                raise Permanent(f"ca_pem is no certificate in PEM form: {error.reason}") from error
        return context

    async def _login(self, server: aiosmtplib.SMTP, password: str) -> None:
        try:
            await server.login(self._config.username, password)
        except aiosmtplib.SMTPAuthenticationError as error:
            if 400 <= error.code < 500:
                raise Retryable(f"The mail server cannot check the login now ({error.code}).") from error
            raise Permanent(f"The mail server refused the login of {self._config.username} ({error.code}): check the password.") from error
        except aiosmtplib.SMTPException as error:
            raise Retryable(f"The login was cut off: {error}") from error

    async def _deliver(self, server: aiosmtplib.SMTP, message: Any) -> None:
        try:
            refused, _ = await server.send_message(message, sender=self._config.sender, recipients=list(self._config.recipients))
        except aiosmtplib.SMTPRecipientsRefused as error:
            answers = ", ".join(f"{item.recipient} ({item.code})" for item in error.recipients)
            if any(400 <= item.code < 500 for item in error.recipients):
                raise Retryable(f"Recipients put off: {answers}.") from error
            raise Permanent(f"Recipients refused: {answers}. Check the addresses.") from error
        except aiosmtplib.SMTPResponseException as error:
            text = f"The mail server answered {error.code} {error.message[:300]}"
            raise (Retryable(text) if 400 <= error.code < 500 else Permanent(text)) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise Permanent(f"The mail server cannot take this mail: {error}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Retryable(f"The connection was lost while the mail was sent: {error}", unknown=True) from error
        if refused:
            names = ", ".join(sorted(refused))
            raise Permanent(f"The mail went to the others, but these were refused: {names}. Check the addresses.")


def build(options: Mapping[str, Any], secret: Mapping[str, str], resolve: Resolve) -> EmailChannel:
    """Return the channel of these options; raise Permanent naming the field that is wrong."""
    try:
        return EmailChannel(EmailConfig.model_validate(options), EmailSecret.model_validate(secret), resolve)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False, include_url=False)
        )
        raise Permanent(f"The mail channel's settings are wrong: {wrong}") from None
