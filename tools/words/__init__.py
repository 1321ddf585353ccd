"""The words of the pages: all English texts that people read, and which of them a language lacks."""
