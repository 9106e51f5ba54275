"""`python -m aconnect`: the same as `aconnect`."""

from aconnect.cli import main

if __name__ == "__main__":
    main()
