"""The address of the place for captures: what is accepted pyarrow understands, too."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pyarrow import fs

from core.env import ConfigurationError
from loaderportal.capture_url import capture_url
from loaderportal.configuration import load
from tests.unit.test_configuration import GOOD, ROOT

SECRET = "hidden-password"


@pytest.mark.parametrize(
    ("url", "kind", "root"),
    [
        ("/srv/raw", "local", "/srv/raw"),
        ("/srv/raw rows/عربي", "local", "/srv/raw rows/عربي"),
        ("file:///srv/raw%20rows", "local", "/srv/raw rows"),
        ("s3://bucket?region=eu-west-1", "s3", "bucket"),
        ("s3://key:se%2Fcret@bucket/a/b?region=eu-west-1", "s3", "bucket/a/b"),
        (
            "s3://b/p?region=x&endpoint_override=127.0.0.1:9000&scheme=http"
            "&tls_verify_certificates=false&tls_ca_file_path=/ca.pem&tls_ca_dir_path=/ca"
            "&allow_delayed_open=true",
            "s3",
            "b/p",
        ),
    ],
)
def test_an_address_that_is_accepted_is_one_that_pyarrow_opens(
    url: str, kind: str, root: str
) -> None:
    assert capture_url(url) == url
    files, path = fs.FileSystem.from_uri(url)
    assert (files.type_name, path) == (kind, root)


@pytest.mark.parametrize(
    "url",
    [
        "raw",
        "./raw",
        "/",
        "/srv/../etc",
        "file://raw",
        "file://host/raw",
        "file:///srv/%2e%2e/etc",
        "file:///srv/raw?x=1",
        "ftp://host/raw",
        f"s3://key:{SECRET}@bucket/p",
        f"s3://key:{SECRET}@bucket/p?region=",
        f"s3://key:{SECRET}@bucket/p q?region=x",
        f"s3://key:{SECRET}@bucket/p?region=x#f",
        f"s3://key:{SECRET}@bucket/p?region=x&secret=y",
        f"s3://key:{SECRET}@bucket/p?region=x&scheme=ftp",
        f"s3://key:{SECRET}@bucket/p?region=x&tls_verify_certificates=perhaps",
        f"s3://key:{SECRET}@[bucket/p?region=x",
        f"S3://key:{SECRET}@bucket/p?region=x",
        "s3:///p?region=x",
    ],
)
def test_another_address_stops_the_start_and_is_never_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="RAW_CAPTURE_URL is malformed") as caught:
        load({**GOOD, "LOADERPORTAL_RAW_CAPTURE_URL": url})
    assert url not in str(caught.value).split()
    assert SECRET not in str(caught.value)


def test_no_place_and_thirty_days_are_the_defaults() -> None:
    values = load(GOOD)
    assert values["LOADERPORTAL_RAW_CAPTURE_URL"] == ""
    assert values["LOADERPORTAL_RAW_CAPTURE_DAYS"] == 30


def test_a_process_that_captures_nothing_does_not_load_pyarrow() -> None:
    code = (
        "import sys, django; django.setup(); import execution.tasks, loaderportal.urls; "
        "from execution.maintenance.jobs import settle_captures; settle_captures(); "
        "sys.exit('pyarrow' in sys.modules)"
    )
    environment = {
        **GOOD,
        "DJANGO_SETTINGS_MODULE": "loaderportal.settings",
        "LOADERPORTAL_RAW_CAPTURE_URL": "",
    }
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False)
    assert ended.returncode == 0
