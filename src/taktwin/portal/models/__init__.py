"""The browser's interface as types: every answer, every message of the stream.

They make the OpenAPI document, and from it the page's own types are generated; nothing is spelt twice.
"""
