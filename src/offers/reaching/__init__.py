"""What leaves towards the channels: blocks of letters."""
