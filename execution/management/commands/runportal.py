"""`manage.py runportal`: a worker replica."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django_q import cluster as django_q_cluster
from django_q.cluster import Cluster

from core.processes import end_forks_with_parents, settle
from execution.clusters import CLUSTERS
from execution.sentinel import Sentinel
from execution.supervisor import ReplicaNameTakenError, Supervisor


class Command(BaseCommand):
    """Runs scheduler and executions until SIGTERM, then lets runs finish."""

    help = "Run a worker replica. Example: LOADERPORTAL_REPLICA_NAME=loader-0 manage.py runportal"
    # Checks look at code, at pages most of all, and `make test` has run them: each process of a
    # replica would import all that, and take twice as long to start.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--cluster", choices=CLUSTERS, help="internal: be one cluster of a replica"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["cluster"]:
            end_forks_with_parents()
            settle()
            django_q_cluster.Sentinel = Sentinel
            Cluster().start()
        else:
            try:
                Supervisor().run()
            except ReplicaNameTakenError as error:
                raise CommandError(str(error)) from None
            except DatabaseError:
                raise CommandError(
                    "The portal's database does not answer: the replica did not start. Check "
                    "DATABASE_URL, and that the migrations have run."
                ) from None
