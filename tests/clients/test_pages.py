"""Every address that a person is shown can be opened, and needs nothing from any other host."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import httpx
import pytest

from deploy.local.console import _greet
from deploy.local.door import door
from deploy.local.stack import Stack
from tests.clients import SERVICES

LINK = re.compile(r'(?:src|href)="(?!data:)([^"]+)"')


def opened(client: httpx.Client, url: str) -> httpx.Response:
    answer = client.get(url)
    assert answer.status_code == 200, (url, answer.text)
    return answer


def place_of(service: str) -> str:
    return "intake/vault" if service == "vault" else service


def test_every_address_that_is_printed_answers(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    _greet(stack)
    printed = re.findall(r"http://\S+", capsys.readouterr().out)
    assert len(printed) == len(stack.services) + 2
    with door("") as nobody:
        for address in printed:
            opened(nobody, address)


@pytest.mark.parametrize("service", SERVICES)
def test_the_docs_need_nothing_from_elsewhere(stack: Stack, service: str) -> None:
    """Behind the prefix of the front door: the page, what it links to, and the document that it draws."""
    with door(stack.front_url) as nobody:
        for page in (f"/{place_of(service)}/", f"/{place_of(service)}/docs"):
            shown = opened(nobody, page)
            assert "script-src 'self'; " in shown.headers["content-security-policy"]
            links = LINK.findall(shown.text)
            assert links
            for link in links:
                assert "//" not in link
                opened(nobody, urljoin(page, link))
        document = opened(nobody, f"/{place_of(service)}/openapi.json").json()
        assert document["servers"][0]["url"] == f"/{place_of(service)}"
        assert re.search(r'url: "openapi.json"', opened(nobody, f"/{place_of(service)}/docs/start.js").text)
