"""The part of the library that does I/O: connections, and the pipeline that a call runs through."""
