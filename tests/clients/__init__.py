"""Other people's clients against Rini and played vendors: ``make clients``."""
