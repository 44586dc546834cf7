"""From a film to what can be said of its motion: tracks, flights, contacts, quantities."""
