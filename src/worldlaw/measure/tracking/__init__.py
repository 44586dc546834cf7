"""From pixels to tracks."""
