"""What people read: text for terminals."""
