"""Tools in an answer: which there are, the model's calls of them, and the steps that these take."""
