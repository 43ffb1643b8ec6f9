"""Next-best-offer, upsell and cross-sell for a shop, in which every offer is an experiment."""

__version__ = "0.1.0"
