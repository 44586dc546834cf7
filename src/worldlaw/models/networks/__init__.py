"""Networks as such: the transformer, what it diffuses, how it takes in conditions."""
