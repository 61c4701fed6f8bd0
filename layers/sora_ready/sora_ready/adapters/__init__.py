"""The outside: DynamoDB, S3, SQS, Secrets Manager, and the video server."""
