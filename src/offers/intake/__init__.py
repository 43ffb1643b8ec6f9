"""Facts in: events, orders, items, customers and feeds, read and checked into events."""
