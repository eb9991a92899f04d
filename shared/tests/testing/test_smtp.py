import asyncio
import ssl
from email.message import EmailMessage

import aiosmtplib
import pytest

from shared.testing.smtp import SmtpPart

pytestmark = pytest.mark.connected


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "tower@flow.test", "people@flow.test", "Scheduler is silent"
    message.set_content("No heartbeat for 30 s – eu-prod")
    return message


async def send(smtp: SmtpPart, **changes: object) -> None:
    options: dict[str, object] = {
        "hostname": smtp.host,
        "port": smtp.port,
        "start_tls": True,
        "tls_context": smtp.certificates.client_context(),
        "username": smtp.username,
        "password": smtp.password,
        "timeout": 10,
    }
    await aiosmtplib.send(mail(), **{**options, **changes})  # type: ignore[arg-type]


async def test_a_mail_over_starttls_with_login_is_taken(smtp: SmtpPart) -> None:
    smtp.clear()
    await send(smtp)
    (taken,) = smtp.messages
    assert (taken.sender, taken.recipients, taken.subject) == (
        "tower@flow.test",
        ("people@flow.test",),
        "Scheduler is silent",
    )
    assert taken.text == "No heartbeat for 30 s – eu-prod\n"
    assert taken.over_tls
    assert taken.login == smtp.username


async def test_what_a_real_server_refuses_is_refused(smtp: SmtpPart) -> None:
    smtp.clear()
    with pytest.raises(aiosmtplib.SMTPAuthenticationError) as wrong:
        await send(smtp, password="wrong")
    assert wrong.value.code == 535
    with pytest.raises(aiosmtplib.SMTPSenderRefused) as anonymous:
        await send(smtp, username=None, password=None)
    assert anonymous.value.code == 530
    with pytest.raises(aiosmtplib.SMTPException):
        await send(smtp, start_tls=False)
    with pytest.raises((ssl.SSLError, aiosmtplib.SMTPException)):
        await send(smtp, tls_context=ssl.create_default_context())
    assert smtp.messages == []


async def test_it_can_be_away_or_ask_for_patience(smtp: SmtpPart) -> None:
    smtp.clear()
    smtp.refuse_next(1)
    with pytest.raises(aiosmtplib.SMTPDataError) as later:
        await send(smtp)
    assert later.value.code == 451
    await asyncio.to_thread(smtp.stop)
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await send(smtp)
    await asyncio.to_thread(smtp.start)
    await send(smtp)
    assert len(smtp.messages) == 1
