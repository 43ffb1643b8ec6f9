"""The rule language of audiences and segments. Pure; imports the domain only."""
