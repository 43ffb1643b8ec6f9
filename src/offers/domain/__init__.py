"""The words of the trade: ids, money, items, events, offers. Frozen, self-checking, standard library only."""
