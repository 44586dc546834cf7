"""What cannot be: signs that a video is untrue, and their limits."""
