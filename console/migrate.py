"""``overround migrate``: the one-shot step before a deployment's processes start."""

from console.embedded import namespace
from console.embedded.process import StartError
from console.embedded.temporal import apart
from console.product import Product
from overround.settings import Settings


def migrate(settings: Settings, product: Product | None = None) -> None:
    """Tables in ``DATABASE_URL``, search attributes in ``TEMPORAL_ADDRESS``. Harmless to repeat."""
    product = product or Product()
    if not settings.database_url:
        raise StartError("DATABASE_URL: not set (the embedded database is migrated by 'overround up')")
    product.check_database(settings.database_url)
    product.migrate(settings.database_url)
    print("the ledger is up to date")
    if settings.temporal_address:
        address, name = settings.temporal_address, settings.temporal_namespace
        apart(lambda: namespace.prepare(address, name, product.attributes(), ours=False))
        print("the search attributes are registered")
