"""DentaTool. The one place where its version stands: the package, the invoices and the XML files read it here."""

__version__ = "0.1.0"
