"""From a history, a cart and a model to ranked candidates. Pure NumPy; imports the domain only."""
