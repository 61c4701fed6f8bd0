"""Sora-Ready: any picture becomes the exact frame a video model needs, and is paid for once.

`domain` is pure Python, `adapters` call AWS and the video server, `pipeline` has the steps, and `entrypoints` read what
invokes a function. Imports run one way: functions → entrypoints → pipeline → adapters → domain.
"""
