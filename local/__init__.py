"""The same stack on this machine: embedded AWS, a stand-in Videos API, and the command line. No account, no Docker."""
