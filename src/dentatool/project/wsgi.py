"""The program as a WSGI application."""

import gc
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from dentatool.operations.cluster.account import end_with
from dentatool.project.front import Front

# A worker whose server was killed would go on holding the port.
end_with(os.getppid())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dentatool.project.settings")
application = Front(
    get_wsgi_application(),
    desks=int(os.environ.get("DENTATOOL_THREADS", "4")),
    proxies=settings.DENTATOOL_TRUSTED_PROXIES,
)
# What was loaded stays for ever: the collector need not look at it again with every few hundred objects of a page.
gc.freeze()
gc.set_threshold(20_000, 20, 20)
