"""Networks that see for a metric, and where their published weights lie."""
