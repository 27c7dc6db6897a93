"""`python -m taktwin` is the same as `taktwin`."""

from taktwin.cli.main import main

if __name__ == "__main__":
    main()
