"""Operations as typed calls: the base client, declarations, pages, polling and downloads.

It binds arguments to requests and responses to values. It opens no connection itself (the transport
does) and knows no service (they declare their operations with it).
"""
