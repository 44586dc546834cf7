"""How is it called? One file a verb."""
