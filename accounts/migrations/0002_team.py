"""Teams: groups that are none of the roles."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_groups"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        migrations.CreateModel(
            name="Team",
            fields=[],
            options={"ordering": ("name",), "proxy": True, "indexes": [], "constraints": []},
            bases=("auth.group",),
        ),
    ]
