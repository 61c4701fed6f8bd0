"""The stack's video server, connected with its current key.

A handler imports this module after `sqs`, as the alphabet has it: Powertools' batch processor loads its parser's models
too if the SDK has brought pydantic before.
"""

from __future__ import annotations

from sora_ready.adapters.video_server.client import VideoServerClient, connect_video_server
from sora_ready.adapters.video_server.messages import VideoServerConnection
from sora_ready.entrypoints.settings import VideoServerSettings


def connect_to_server(settings: VideoServerSettings) -> VideoServerClient:
    """Return the server's client. The key is read again every five minutes."""
    url, secret = settings.video_api_base_url, settings.video_api_key_secret
    return connect_video_server(VideoServerConnection(url, secret, settings.video_api_timeout_seconds))
