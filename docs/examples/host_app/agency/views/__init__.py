"""The pages. Each asks caseassign, and the agency's own tables for what caseassign knows nothing of."""
