"""The stack's video server, connected with its current key.

Handlers import it after `sqs`. If the SDK's pydantic is loaded already, Powertools loads its parser's models as well,
which slows the cold start.
"""

from __future__ import annotations

from sora_ready.adapters.video_server.client import VideoServerClient, connect_video_server
from sora_ready.adapters.video_server.messages import VideoServerConnection
from sora_ready.entrypoints.settings import VideoServerSettings


def connect_to_server(settings: VideoServerSettings) -> VideoServerClient:
    """Return the server's client. The key is read again every five minutes."""
    url, secret = settings.video_api_base_url, settings.video_api_key_secret
    return connect_video_server(VideoServerConnection(url, secret, settings.video_api_timeout_seconds))
