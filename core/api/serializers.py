"""Serializers that refuse what they don't know."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from core.api.json import camelize


class Strict(serializers.Serializer[Any]):
    """A body with an unknown field is refused, naming it: a typo must not pass silently."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            known = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(set(data) - known)
            if unknown:
                raise serializers.ValidationError(
                    {name: [f"There is no field {camelize(name)}."] for name in unknown}
                )
        return super().to_internal_value(data)
