"""What leaves towards the channels: blocks of letters in HTML and plain text. May import the domain; no Flask."""
