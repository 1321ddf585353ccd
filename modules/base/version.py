"""The version that generation data and the API name."""

VERSION = "v1.10.1+easel.0.1"      # whose numerics these are, and who computed them; PEP 440, so that A1111 can read it
