"""The command line: one module per command, loaded only when it is the one that was called.

``main`` holds the table of commands and turns errors into one line; ``output`` prints for people and, with
``--json``, for programs; ``session`` gives a command the services it works on. Commands hold no rules of the
trade: they call the same parts as the web layer.
"""
