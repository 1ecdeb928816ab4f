"""An agency's HMIS, small: its own clients, enrollments and staff, and caseassign for who is responsible."""
