"""The documentation is tested: its code runs, its tables are made from the code, its links lead somewhere."""
