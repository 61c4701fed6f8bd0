"""The video server: any server that speaks OpenAI's Videos API. Only `client` and `responses` import the SDK."""
