"""Rigid bodies by synthesis: poses at which the bodies, drawn anew, give the picture."""
