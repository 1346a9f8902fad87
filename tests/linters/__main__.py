"""Installs the linters."""

from tests.linters import install

install()
