"""Ground floor: what every app stands on and that knows nothing of loaders."""
