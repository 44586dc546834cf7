"""Who does what, when? An experiment from its file to its report."""
