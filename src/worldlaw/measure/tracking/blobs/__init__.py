"""Bodies as blobs of one colour."""
