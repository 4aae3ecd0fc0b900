"""uvicorn's connections, within limits: they hold for what anybody can try without being known.

`http` and `websocket` are the protocols that `rini.server` gives to uvicorn, `transport` is what
both write to, `places` counts connections, and `watch` ends those that take too long.
"""
