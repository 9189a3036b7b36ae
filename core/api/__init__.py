"""What every REST endpoint shares: JSON form, problem documents, pages, strict bodies."""
