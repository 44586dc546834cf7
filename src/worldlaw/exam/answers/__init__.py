"""What came back: answers found, adjusted to what was asked, asked for, resampled."""
