"""uvicorn's connections, within limits: what nobody has to be known for to try.

`http` and `websocket` are the protocols that `rini.server` gives to uvicorn, `transport` is what
both write to, `places` counts connections, and `watch` ends those that take too long.
"""
