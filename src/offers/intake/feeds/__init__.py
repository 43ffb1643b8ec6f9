"""Catalogues in the trade's own formats: Yandex YML, Google Merchant (XML and TSV).

``yml`` and ``merchant`` read documents one item at a time into the fields of a catalogue; ``importing`` recognises the
format and makes events.
"""
