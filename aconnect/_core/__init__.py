"""What is decided without waiting: what to send, what a response means, what to do next.

Time and randomness come in as arguments, so every decision here is a plain function to test. There
is no `async def` in it but in protocols.
"""
