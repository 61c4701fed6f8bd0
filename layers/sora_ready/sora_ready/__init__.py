"""Sora-Ready: any picture becomes the exact frame a video model needs, and is paid for once.

`domain` is the knowledge (pure Python), `adapters` are the outside (AWS, the video server), and `pipeline` is what the
functions call. Arrows run one way: functions → pipeline → domain, and pipeline → adapters → domain.
"""
