"""Statistics as functions of raw sums. Pure; imports the domain only."""
