"""The four examples of AWS's own description ("Authenticating Requests: Using the Authorization Header")."""

from datetime import UTC, datetime

import pytest

from dentatool.operations.backup.sigv4 import Credentials, signed_headers

EXAMPLE = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
HOST, NOON = "examplebucket.s3.amazonaws.com", datetime(2013, 5, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "body", "signature"),
    [
        ("GET", "/test.txt", {}, {"Range": "bytes=0-9"}, b"",
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("PUT", "/test$file.text", {},
         {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}, b"Welcome to Amazon S3.",
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
        ("GET", "/", {"lifecycle": ""}, {}, b"", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("GET", "/", {"max-keys": "2", "prefix": "J"}, {}, b"",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)  # fmt: skip
def test_a_request_is_signed_as_aws_signs_it(
    method: str, path: str, query: dict, headers: dict, body: bytes, signature: str
) -> None:
    signed = signed_headers(EXAMPLE, method, HOST, path, query, headers, body, NOON)

    assert signed["Authorization"].endswith(f"Signature={signature}")


def test_the_secret_is_not_printed() -> None:
    assert EXAMPLE.secret not in repr(EXAMPLE)
