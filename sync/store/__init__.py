"""Where ops, records, receipts and blobs rest. Nothing outside this package knows which database it is."""
