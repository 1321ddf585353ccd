"""What makes the files that ship with Easel; the program itself needs none of it."""
