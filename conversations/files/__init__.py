"""What goes in and out as a file: attachments of messages, exports and imports."""
