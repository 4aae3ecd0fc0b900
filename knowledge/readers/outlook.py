"""Mail as Outlook saves it (msg)."""

from io import BytesIO

from oxmsg import Message

from knowledge.readers.draft import Draft
from knowledge.readers.html import add_html
from knowledge.readers.mail import add_message


def read(data: bytes, _: str, draft: Draft) -> None:
    message = Message.load(BytesIO(data))
    draft.title = message.subject
    sent = message.sent_date
    headers = {
        "From": message.sender or "",
        "To": ", ".join(
            recipient.name or recipient.email_address for recipient in message.recipients
        ),
        "Date": sent.isoformat() if sent else "",
        "Subject": message.subject or "",
    }
    add_message(
        {name: value for name, value in headers.items() if value},
        [attachment.file_name or "" for attachment in message.attachments],
        draft,
    )
    if message.body:
        draft.prose(message.body)
    elif message.html_body:
        add_html(message.html_body, draft)
