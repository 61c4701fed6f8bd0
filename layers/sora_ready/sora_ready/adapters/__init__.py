"""The outside: DynamoDB, S3, SQS, Secrets Manager, the environment, and the video server."""
