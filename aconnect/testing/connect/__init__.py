"""The simulated Connect server.

A line belongs

- in `routes/a/b.py` if it is about operation `a.b.c` of the API: the operations of one type of
  object, their rows, and the objects of a new server (`seed`) are together;
- in `routes/_<name>.py` if several of these modules need it: rows of content, checks of requests;
- in `state` if it only stores something, in `seeding` if it is about the order in which a server is
  filled;
- in `series`, `histories`, `paging`, `progress`, `searching` or `archives` if it is a mechanism:
  rows created on demand, the values of high-volume rows, pages, tasks that advance, the query
  language, bytes of bundles;
- in `versions` if servers of several versions differ in it;
- in `dialect` or `server` if every operation has it: roles, errors, keys, nodes.

What does not depend on Connect is a folder up, for all simulated services.
"""
