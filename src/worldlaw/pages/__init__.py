"""How does a page look? What the pages of all rooms share."""
