"""What the project knows: frames, models, pictures and the life of a job. No AWS, no network, no environment."""
