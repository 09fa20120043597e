"""What every table of the ledger is registered with."""

from sqlalchemy import MetaData

metadata = MetaData()
