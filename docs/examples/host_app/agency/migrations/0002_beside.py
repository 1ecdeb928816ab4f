"""What caseassign keeps beside the agency's tables: the history, what imports said, and personal texts.

`create_beside` creates what is not there and brings the rest up to date: with a newer version of caseassign, a further
migration calls it again.
"""

from typing import Any

from django.db import migrations

from caseassign.stores import create_beside


def create(apps: Any, schema_editor: Any) -> None:
    """Create the tables in the transaction of the migration, or bring them to this version."""
    create_beside(schema_editor.connection.connection)


class Migration(migrations.Migration):
    """Their own tables, which no model stands for."""

    dependencies = [("agency", "0001_tables")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
