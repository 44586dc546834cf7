"""The page of ``worldlaw judge``."""
