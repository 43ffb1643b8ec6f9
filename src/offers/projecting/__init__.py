"""Events to online state: live from the stream, and anew from the ledger."""
