"""The routes of files and vector stores."""

from __future__ import annotations

from rini.dialects.vector_stores import files, store_files, stores

http_routes = [*files.http_routes, *stores.http_routes, *store_files.http_routes]
