"""The pages of an exam: its report, and a comparison of cards."""
