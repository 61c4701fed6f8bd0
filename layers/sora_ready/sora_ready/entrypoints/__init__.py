"""What comes in: queue messages, S3 events, direct invocations, S3 Batch tasks, settings, and the Videos API."""
