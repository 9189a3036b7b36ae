"""What was said at submit stood in the comment, which is now the decision's alone."""

from django.db import migrations

MOVE = """
UPDATE loader.loader_version SET note = comment, comment = ''
WHERE decision = 'PENDING' AND comment <> '';
"""


class Migration(migrations.Migration):
    dependencies = [("loaders", "0006_note_to_the_approver")]
    operations = [migrations.RunSQL(MOVE, migrations.RunSQL.noop)]
