"""What is asked: papers, their questions and prompts, a paper as a folder."""
