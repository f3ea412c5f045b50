"""The description of the interface for machines: /openapi.json, and its pages at /docs."""
