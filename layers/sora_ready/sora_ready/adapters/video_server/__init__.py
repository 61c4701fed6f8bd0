"""The video server: any server that speaks OpenAI's Videos API."""
