"""Re-counts: closed windows asked again, and compared with what is loaded (spec 9 "Late data")."""
