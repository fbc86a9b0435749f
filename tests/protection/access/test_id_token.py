"""An ID token is taken only as the provider made it, for us, now, in answer to this very request."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from dentatool.protection.access.internal.id_token import TokenRefused, judge

ISSUER, CLIENT, NONCE = "https://login.anna.example", "dentatool", "n-0S6_WzA2Mj"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KINDS = {"RS256": (RSA, jwt.algorithms.RSAAlgorithm), "ES256": (EC, jwt.algorithms.ECAlgorithm)}
KINDS |= {"EdDSA": (ED, jwt.algorithms.OKPAlgorithm), "PS256": (RSA, jwt.algorithms.RSAAlgorithm)}


def public(algorithm="RS256", **more):
    key, kind = KINDS[algorithm]
    return {"keys": [{**json.loads(kind.to_jwk(key.public_key())), "kid": "1", "use": "sig", **more}]}


def claims(**changes):
    now = int(time.time())
    told = {"iss": ISSUER, "aud": CLIENT, "sub": "4711", "nonce": NONCE, "iat": now, "exp": now + 300, **changes}
    return {name: value for name, value in told.items() if value is not None}


def token(*, algorithm="RS256", key=None, headers=None, **changes):
    return jwt.encode(claims(**changes), key or KINDS[algorithm][0], algorithm, headers={"kid": "1", **(headers or {})})


def judged(made, keys=None):
    return judge(made, public() if keys is None else keys, issuer=ISSUER, client_id=CLIENT, nonce=NONCE)


def unsigned(header, body, signature=b""):
    parts = [json.dumps(header).encode(), json.dumps(body).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize("algorithm", list(KINDS))
def test_a_good_token_says_who_it_is(algorithm):
    found = judged(token(algorithm=algorithm), public(algorithm))

    assert (found.subject, found.email, found.methods, found.proven_at) == ("4711", "", frozenset(), None)


def test_an_address_counts_only_when_the_provider_has_verified_it():
    assert judged(token(email="a@labor.example", email_verified=True)).email == "a@labor.example"
    for not_quite in (False, None, "true", 1, "yes"):
        assert judged(token(email="a@labor.example", email_verified=not_quite)).email == ""
    assert judged(token(email=["a@labor.example"], email_verified=True)).email == ""


def test_the_second_factor_and_the_time_of_the_proof_are_read_strictly():
    now = int(time.time())
    found = judged(token(amr=["pwd", "mfa", 7], acr="gold", auth_time=now - 60))

    assert (found.methods, found.context, found.proven_at.timestamp()) == ({"pwd", "mfa"}, "gold", now - 60)
    for wrong in ("mfa", {"mfa": 1}, None):
        assert judged(token(amr=wrong)).methods == frozenset()
    for wrong in (now + 3600, "1", True, -1):
        assert judged(token(auth_time=wrong)).proven_at is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://login.bert.example"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": None}, "claims"),
        ({"aud": "another"}, "audience"),
        ({"aud": []}, "claims"),
        ({"aud": None}, "claims"),
        ({"aud": [CLIENT, "another"]}, "authorized party"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "authorized party"),
        ({"azp": "another"}, "authorized party"),
        ({"nonce": "foreign"}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"nonce": None}, "claims"),
        ({"nonce": [NONCE]}, "nonce"),
        ({"exp": int(time.time()) - 60}, "expired"),
        ({"exp": None}, "claims"),
        ({"exp": "soon"}, "claims"),
        ({"iat": int(time.time()) - 3600, "exp": int(time.time()) + 3600}, "too old"),
        ({"iat": int(time.time()) + 3600, "exp": int(time.time()) + 7200}, "claims"),
        ({"nbf": int(time.time()) + 3600}, "claims"),
        ({"iat": None}, "claims"),
        ({"sub": None}, "claims"),
        ({"sub": ""}, "subject"),
        ({"sub": "x" * 256}, "subject"),
    ],
)
def test_a_token_for_somebody_or_sometime_else_is_refused(changes, reason):
    with pytest.raises(TokenRefused) as refused:
        judged(token(**changes))

    assert refused.value.reason == reason


def test_a_shared_audience_is_taken_when_we_are_the_authorized_party():
    assert judged(token(aud=[CLIENT, "another"], azp=CLIENT)).subject == "4711"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, 5, ["RS256"]])
def test_an_unsigned_token_is_refused(algorithm):
    with pytest.raises(TokenRefused) as refused:
        judged(unsigned({"alg": algorithm, "kid": "1"}, claims()))

    assert refused.value.reason in ("algorithm", "malformed")


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_the_public_key_is_not_a_secret_that_may_sign(encoding):
    """RS/HS confusion: HMAC with the public key, which everybody knows."""
    secret = RSA.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    signing = unsigned({"alg": "HS256", "kid": "1"}, claims()).rpartition(".")[0]
    signature = hmac.new(secret, signing.encode(), hashlib.sha256).digest()

    with pytest.raises(TokenRefused) as refused:
        judged(f"{signing}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")

    assert refused.value.reason == "algorithm"


def test_a_symmetric_key_in_the_set_is_no_key():
    keys = {"keys": [{"kty": "oct", "k": base64.urlsafe_b64encode(b"0" * 32).decode(), "kid": "1", "alg": "HS256"}]}

    with pytest.raises(TokenRefused, match="algorithm"):
        judged(jwt.encode(claims(), b"0" * 32, "HS256", headers={"kid": "1"}), keys)
    with pytest.raises(TokenRefused, match="key"):
        judged(token(), keys)


def test_a_stranger_cannot_sign_nor_bring_a_key_along():
    own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(STRANGER.public_key()))
    for headers in ({}, {"jwk": own}, {"jku": "https://boese.example/keys"}, {"x5u": "https://boese.example/cert"}):
        with pytest.raises(TokenRefused, match="signature"):
            judged(token(key=STRANGER, headers=headers))


def test_a_changed_token_is_refused():
    head, body, signature = token().split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims(sub="somebody else")).encode()).decode().rstrip("=")

    for changed in (
        f"{head}.{other}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        "",
        "...",
        "a.b.c",
        "x" * 100_000,
    ):
        with pytest.raises(TokenRefused):
            judged(changed)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"keys": None},
        {"keys": [None, 1, "x"]},
        public(kid="2"),
        public(use="enc"),
        public(alg="RS512"),
        public(n="AQAB"),
        {"keys": public()["keys"] * 2},
        {"keys": [{"kty": "RSA", "kid": "1"}]},
    ],
)
def test_without_exactly_one_fitting_key_nothing_is_judged(keys):
    with pytest.raises(TokenRefused):
        judged(token(), keys)


def test_a_weak_key_is_refused():
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - that is the point
    keys = {"keys": [{**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(weak.public_key())), "kid": "1"}]}
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        made = token(key=weak)

    with pytest.raises(TokenRefused):
        judged(made, keys)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.just(CLIENT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = ("iss", "aud", "sub", "nonce", "iat", "exp", "nbf", "azp", "amr", "acr", "auth_time", "email", "email_verified")


@given(
    st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=3),
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk"]), ANYTHING, max_size=2),
    st.lists(st.dictionaries(st.sampled_from(["kty", "kid", "use", "alg", "n", "e"]), ANYTHING), max_size=2),
)
@settings(max_examples=300, deadline=None)
def test_whatever_a_signed_token_holds_it_is_judged_and_nothing_breaks(changed, header, keys):
    """The provider's own key signs, so that everything is looked at."""
    head = {"alg": "RS256", "kid": "1", **header}
    signing = unsigned(head, {**claims(), **changed}).rpartition(".")[0]
    signature = RSA.sign(signing.encode(), padding.PKCS1v15(), hashes.SHA256())
    made = f"{signing}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    for given_keys in (public(), {"keys": [*public()["keys"], *keys]}):
        try:
            found = judged(made, given_keys)
        except TokenRefused:
            continue
        assert 0 < len(found.subject) <= 255
        assert isinstance(found.email, str)


def test_a_token_of_a_hundred_thousand_brackets_is_refused_even_when_it_is_signed():
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    head, body, _signature = token().split(".")
    signature = RSA.sign(f"{head}.{deep}".encode(), padding.PKCS1v15(), hashes.SHA256())
    signed = f"{head}.{deep}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    for made in (f"{deep}.{body}.AAAA", signed):
        with pytest.raises(TokenRefused):
            judged(made)


def test_a_critical_header_that_we_do_not_know_is_refused():
    with pytest.raises(TokenRefused, match=r"algorithm|malformed"):
        judged(token(headers={"crit": ["b64"], "b64": True}))
