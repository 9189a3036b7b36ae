"""The OpenAPI document of the REST API, made from the views (spec 10)."""
