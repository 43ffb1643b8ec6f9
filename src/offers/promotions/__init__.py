"""What sweetens an offer. Pure; imports rules and domain only."""
