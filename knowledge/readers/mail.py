"""Mail as it is sent (eml)."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from knowledge.readers.draft import Draft
from knowledge.readers.encodings import decode
from knowledge.readers.html import add_html

HEADERS = ("From", "To", "Cc", "Date", "Subject")


def read(data: bytes, _: str, draft: Draft) -> None:
    message = message_from_bytes(data, policy=policy.default)
    draft.title = message.get("Subject")
    add_message(
        {name: str(message[name]) for name in HEADERS if message[name]},
        [part.get_filename() or "" for part in message.iter_attachments()],
        draft,
    )
    body = message.get_body(("plain", "html"))
    if isinstance(body, EmailMessage):
        text = _text(body)
        if body.get_content_subtype() == "html":
            add_html(text, draft)
        else:
            draft.prose(text)


def add_message(headers: dict[str, str], attachments: list[str], draft: Draft) -> None:
    """What stands above a message: who, to whom, when, and the names of what was sent with it."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if names := ", ".join(filter(None, attachments)):
        lines.append(f"Attachments: {names}")
    draft.paragraph("\n".join(lines))


def _text(body: EmailMessage) -> str:
    content = body.get_payload(decode=True)
    assert isinstance(content, bytes)  # noqa: S101  # a body has no parts
    return decode(content, body.get_content_charset())
