"""The part of the library that does no I/O: what to send, what an answer means, what to do next.

Time and randomness come in as arguments, so that every decision here is a plain function to test.
"""
