"""What picture programs write into files, each in its own way: one file a program, `table.py` lists them."""
