"""Facts in: events, orders, items, customers and feeds, read and checked into events.

``events``, ``items`` and ``customers`` read JSON documents; ``orders_file``, ``items_file`` and ``customers_file``
read tables (CSV, Parquet, NDJSON) by way of ``files``, ``columns`` and ``text``; ``feeds`` reads catalogues in the
trade's own formats; ``demo`` loads real purchases of a grocer. ``canonical`` says when two facts are the same.
"""
