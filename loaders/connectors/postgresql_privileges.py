"""What the account of a PostgreSQL source may write, read from the catalogue (spec 4).

Every role the account is a member of counts, with INHERIT or not: it could SET ROLE to it. What
comes through PUBLIC counts too. The catalogue tells whom a privilege was granted to, so each
sentence names the REVOKE that really takes it away. Only the database of the session is seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from loaders.connectors.base import SourceConnection, text_rows
from loaders.connectors.errors import SourceDataError, SourcePermissionError, SourceSqlError
from loaders.connectors.privileges import Finding, PrivilegeReport, report_of

_ROLES_THAT_DO_NOT_WRITE = {"pg_read_server_files", "pg_signal_backend", "pg_checkpoint"}
_POWERS = {
    "superuser": ("is a superuser and may do anything", "NOSUPERUSER"),
    "createdb": ("may create databases", "NOCREATEDB"),
    "createrole": ("may create and change roles", "NOCREATEROLE"),
    "replication": ("may replicate the whole server and create slots", "NOREPLICATION"),
}

_ROLES = """
SELECT quote_ident(r.rolname), r.rolname = current_user, kind
FROM pg_roles r, LATERAL (VALUES ('superuser', r.rolsuper), ('createdb', r.rolcreatedb),
  ('createrole', r.rolcreaterole), ('replication', r.rolreplication),
  ('predefined', r.rolname IN ('pg_write_all_data', 'pg_execute_server_program',
    'pg_write_server_files', 'pg_read_server_files', 'pg_signal_backend', 'pg_maintain',
    'pg_checkpoint', 'pg_create_subscription'))) AS power(kind, held)
WHERE held AND pg_has_role(current_user, r.oid, 'MEMBER')
  AND (r.rolname = current_user  -- a superuser is counted a member of every role
       OR NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
ORDER BY 2 DESC, 1, 3
"""

# Every object that has an owner and a list of grants: its words in GRANT, its name.
_OBJECTS = """
objects(word, name, owner, acl, harmless) AS (
  SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
         format('%I.%I', n.nspname, c.relname), c.relowner, c.relacl, 'SELECT'
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^(pg_|information_schema$)'
  UNION ALL
  SELECT 'SCHEMA', quote_ident(nspname), nspowner, nspacl, 'USAGE'
  FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'
  UNION ALL
  SELECT 'DATABASE', quote_ident(datname), datdba, datacl, 'CONNECT TEMPORARY'
  FROM pg_database WHERE datname = current_database()
)
"""
_OWNED = f"""
WITH {_OBJECTS}
SELECT word, name, quote_ident(pg_get_userbyid(owner)), pg_get_userbyid(owner) = current_user
FROM objects WHERE pg_has_role(current_user, owner, 'MEMBER')
  AND pg_get_userbyid(owner) <> 'pg_database_owner' ORDER BY 1, 2
"""
# Grants of a column are told as the table's: REVOKE INSERT (column) has the same shape.
_GRANTED = f"""
WITH {_OBJECTS},
columns(word, name, owner, acl, harmless, what) AS (
  SELECT 'TABLE', format('%I.%I', n.nspname, c.relname), c.relowner, a.attacl, 'SELECT',
         format(' (%I)', a.attname)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    AND n.nspname !~ '^(pg_|information_schema$)'
),
granted AS (
  SELECT o.word, o.name, grantee, privilege_type || what AS privilege
  FROM (SELECT *, '' AS what FROM objects UNION ALL SELECT * FROM columns) o,
       LATERAL aclexplode(o.acl)
  WHERE grantee <> o.owner AND strpos(o.harmless, privilege_type) = 0
    AND (grantee = 0 OR pg_has_role(current_user, grantee, 'MEMBER'))
)
SELECT word, name, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
       grantee = 0 OR pg_get_userbyid(grantee) = current_user,
       string_agg(DISTINCT privilege, ', ' ORDER BY privilege)
FROM granted GROUP BY word, name, grantee ORDER BY 1, 2, 3
"""
_USER = "SELECT quote_ident(current_user) AS me"


def inspect(connection: SourceConnection) -> PrivilegeReport:
    """See `SourceConnection.inspect_privileges`."""
    found: list[Finding] = []
    try:
        ((user,),) = text_rows(connection.stream(_USER))
        found += _powers(connection, user)
        if not any("is a superuser" in finding.sentence for finding in found):
            found += _owned(connection, user)
            found += _granted(connection, user)
    except (SourcePermissionError, SourceSqlError, SourceDataError) as error:
        return report_of(found, unknown=f"The catalogue could not be read: {error.message}")
    return report_of(found)


def _powers(connection: SourceConnection, user: str) -> Iterator[Finding]:
    for role, is_own, kind in text_rows(connection.stream(_ROLES)):
        if kind == "predefined":
            sentence = f"Role {user} is a member of {role}: REVOKE {role} FROM {user}."
            yield Finding(sentence, writes=role not in _ROLES_THAT_DO_NOT_WRITE)
            continue
        may, without = _POWERS[kind]
        if is_own == "t":
            yield Finding(f"Role {user} {may}: ALTER ROLE {user} {without}.")
        else:
            through = f"through role {role}: REVOKE {role} FROM {user}"
            yield Finding(f"Role {user} {may} {through}, or ALTER ROLE {role} {without}.")


def _owned(connection: SourceConnection, user: str) -> Iterator[Finding]:
    for word, name, role, is_own in text_rows(connection.stream(_OWNED)):
        what = f"Role {user} owns {word.lower()} {name} and may change or drop it"
        if is_own == "t":
            yield Finding(f"{what}: ALTER {word} {name} OWNER TO another role.")
        else:
            yield Finding(f"{what} through role {role}: REVOKE {role} FROM {user}.")


def _granted(connection: SourceConnection, user: str) -> Iterator[Finding]:
    for word, name, role, is_direct, privileges in text_rows(connection.stream(_GRANTED)):
        target = name if word == "TABLE" else f"{word} {name}"
        revoke = f"REVOKE {privileges} ON {target} FROM {role}"
        if is_direct == "t":
            through = " through PUBLIC" if role == "PUBLIC" else ""
            yield Finding(f"Role {user} may {privileges} on {target}{through}: {revoke}.")
        else:
            through = f"through role {role}: REVOKE {role} FROM {user}"
            yield Finding(f"Role {user} may {privileges} on {target} {through}, or {revoke}.")
