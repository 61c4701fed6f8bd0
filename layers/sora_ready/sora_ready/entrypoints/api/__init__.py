"""OpenAI's Videos API over the pipeline: its requests, responses and errors."""
