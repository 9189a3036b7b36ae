"""English, with times that say that they are UTC, as Django always shows them."""
