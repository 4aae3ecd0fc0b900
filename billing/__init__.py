"""What a call cost: usage, prices, holds and the ledger."""
