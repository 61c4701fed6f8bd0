"""OpenAI's Videos API over the pipeline: what a call means, and what it is answered."""
