"""The loop that teaches a network, and what it keeps."""
