"""The simulated Connect server.

The modules have these purposes:

- `routes/a/b.py` implements operation `a.b.c` of the API. The operations of one type of object,
  their rows, and the initial objects of a server (`seed`) are in the same module.
- `routes/_<name>.py` contains code that several of these modules need: rows of content, checks of
  requests.
- `state` stores objects; `seeding` decides the order in which a new server is filled.
- `series` creates rows on demand, `histories` has the values of high-volume rows, `paging` creates
  pages, `progress` advances tasks, `searching` parses the query language, and `archives` stores the
  bytes of bundles.
- `versions` describes the differences between versions of the server.
- `dialect` and `server` contain what all operations share: roles, errors, keys and nodes.

Code that does not depend on Connect is in the parent package, for all simulated services.
"""
