"""A POST with an Idempotency-Key is done once: sent again, it gets the same answer; sent twice at once, one of them waits.

Only what was done is kept: a refused request has changed nothing, and sending it again tries again.
"""

import hashlib
import json
import re
from collections.abc import Callable

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dentatool.api.jobs import forget_in_time
from dentatool.api.models import KEPT, KeptAnswer
from dentatool.api.refusals import Malformed, OtherRequest
from dentatool.protection.audit.refusals import note_refusal

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_TOLD = ("ETag", "Location", "Content-Type")


def once(request: HttpRequest, do: Callable[[], HttpResponse]) -> HttpResponse:
    """Do it, unless the same request with the same key was done within a day: then its answer again.

    :raises Refusal: the key is none, or belongs to another request.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return do()
    if not _KEY.fullmatch(key):
        raise Malformed("Ein Idempotency-Key hat 1 bis 255 druckbare ASCII-Zeichen ohne Leerzeichen, z. B. eine UUID.")
    taken, asked = _take(request, key), _fingerprint(request)
    if taken.status:
        if taken.request_sha256 != asked:
            note_refusal("input_validation_fail", path=request.path)
            raise OtherRequest(
                "Bitte für eine andere Anfrage einen anderen Schlüssel verwenden. Auch wenn sich die Rechte des "
                "Zugangsschlüssels geändert haben, wird keine frühere Antwort wiederholt."
            )
        return HttpResponse(taken.body, status=taken.status, headers={**taken.headers, "Idempotency-Replayed": "true"})
    answer = do()
    if answer.status_code < 400:  # else the Gate rolls back, this row with it
        taken.status, taken.body = answer.status_code, answer.content.decode()
        taken.headers = {name: answer.headers[name] for name in _TOLD if name in answer.headers}
        taken.save(update_fields=["status", "headers", "body"])
        forget_in_time()
    return answer


def _take(request: HttpRequest, key: str) -> KeptAnswer:
    """A new row for the key, or the one of whoever came first; both at once: the second waits at the unique index."""
    token, hashed = request.person.token_id, hashlib.sha256(key.encode()).hexdigest()  # type: ignore[attr-defined]
    known = KeptAnswer.objects.filter(access_id=token, key_sha256=hashed)
    known.filter(created_at__lt=timezone.now() - KEPT).delete()
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(access_id=token, key_sha256=hashed, request_sha256=_fingerprint(request))
    except IntegrityError:
        return known.get()


def _fingerprint(request: HttpRequest) -> str:
    """Of what is asked: method, address and body; and of what may be seen, since the answer was made for that."""
    held = sorted(request.permissions)  # type: ignore[attr-defined]
    asked = json.dumps([request.method, request.get_full_path(), request.headers.get("If-Match", ""), held])
    return hashlib.sha256(asked.encode() + b"\n" + request.body).hexdigest()
