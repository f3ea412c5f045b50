"""The certificate: whose keys a buyer trusts, the file that proves a claim, and its verification.

Pure: bytes in, a verdict out. It joins the log (ledger.tlog) with the book (ledger.book).
"""
