"""The simulated Connect server.

A line belongs

- in `routes/<group>.py` if it is about one kind of object: its operations, the rows that they
  make, and what a new server has of it (`seed`) stand together;
- in `routes/_<name>.py` if several groups need it: content as rows, checks of what is sent;
- in `state` if it only says where something is kept, in `seeding` if it says in which order a
  server is filled;
- in `series`, `histories`, `paging`, `progress`, `searching` or `archives` if it is a mechanism:
  rows made on demand, what the high-volume rows hold, pages, work that advances, the query
  language, bytes of bundles;
- in `versions` if it is what servers of several versions do differently;
- in `dialect` or `server` if every operation has it: roles, errors, keys, nodes.

What is no business of Connect is a folder up, for all simulated services.
"""
