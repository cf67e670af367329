"""Scores of answers that libraries compute."""
