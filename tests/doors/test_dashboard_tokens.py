"""The dashboard's page in a real browser where the server asks for tokens: without one that holds it shows nothing."""

import json

import browser
import pytest
from open_dashboard import NAMES, VEHICLES, OpenDashboard
from tokens import Issuer, write_trust

from renkei.authority.authority import Authority
from renkei.doors.guard import Guard

FIRST, SECOND = VEHICLES
SPEED, TRACK = "Vehicle.Speed", "Vehicle.Cabin.Infotainment.Media.Played.Track"
CARS = "document.querySelectorAll('.car').length"
ROWS = "[...document.querySelectorAll('tr[data-path]')].map(r => r.dataset.path)"
ASKS = "document.querySelector('#who')?.hidden === false"

pytestmark = pytest.mark.skipif(not browser.executable(), reason="no Chromium here; apt-get install chromium")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    opened = browser.Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


class House:
    """A dashboard that believes one issuer, for the cars of one maker."""

    def __init__(self, folder):
        self.folder, self.issuer = folder, Issuer("https://id.acme.example", (FIRST.split("/")[0],))
        write_trust(folder, self.issuer)
        self.guard = Guard(Authority(folder / "trust.toml"))
        self.door = OpenDashboard(guard=self.guard)
        for vehicle in VEHICLES:
            self.door.publish({SPEED: 50.0, TRACK: "Blue"}, vehicle)

    def revoke(self, *ids):
        self.issuer.revoked = ids
        write_trust(self.folder, self.issuer)

    def close(self):
        self.door.close()
        self.guard.close()


@pytest.fixture
def house(tmp_path):
    opened = House(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def page(chromium, house):
    """The page as somebody without a token finds it; its console complains of nothing but that."""
    opened = chromium.open(house.door.url)
    opened.ask("Network.clearBrowserCookies")
    opened.ask("Page.navigate", url=house.door.url)
    opened.until(ASKS)
    yield opened
    opened.close()
    assert [c for c in opened.complaints if "401" not in json.dumps(c)] == []


def show(page, token):
    """Type a token and press the button."""
    page.js(f"document.querySelector('#token').value = {json.dumps(token)}")
    page.js("document.querySelector('#who button').click()")


def told(page):
    return page.js("document.querySelector('#refused').textContent")


def text(page):
    return page.js("document.body.innerText")


def test_without_a_token_it_asks_for_one_and_shows_nothing(house, page):
    assert told(page) == ""
    assert page.js(CARS) == 0
    assert page.js(ROWS) == []
    assert not any(name in text(page) for name in (*VEHICLES, *NAMES.values(), "Blue", SPEED))


def test_with_a_token_it_shows_the_car_that_the_token_covers_and_stays_live(house, page):
    show(page, house.issuer.token(f"read:{SPEED}"))
    page.until(f"{CARS} === 1 && {ROWS}.length === 1")
    assert page.js(ROWS) == [SPEED]
    assert page.js("document.querySelector('.car h2').textContent") == NAMES[FIRST]
    house.door.publish({SPEED: 61.5})
    page.until("document.querySelector('.tile .big span').textContent === '61.5'")
    assert NAMES[SECOND] not in text(page)
    assert page.js("document.querySelector('#token').value") == ""
    assert page.js("document.cookie") == ""  # no script sees the token
    page.ask("Page.reload")
    page.until(f"{CARS} === 1")  # the browser keeps it


@pytest.mark.parametrize("wrong", ["expired", "nonsense", "another issuer's"])
def test_a_token_that_does_not_hold_is_refused_and_says_why(house, page, wrong):
    token, why = {
        "expired": (house.issuer.token(exp=1_000_000_000, iat=999_999_000), "expired"),
        "nonsense": ("nonsense", "Invalid auth token"),
        "another issuer's": (Issuer("other", ("other",)).token(), "Invalid auth token"),
    }[wrong]
    show(page, token)
    page.until("document.querySelector('#refused').textContent !== ''")
    assert why in told(page)
    assert page.js(CARS) == 0


def test_a_token_that_expires_or_is_revoked_while_the_page_is_open_says_so_and_takes_the_car_away(house, page):
    for token, end, why in (
        (house.issuer.token(jti="x"), lambda: house.revoke("x"), "revoked"),
        (house.issuer.token(lasts_s=4), lambda: None, "expired"),
    ):
        show(page, token)
        page.until(f"{CARS} === 1 && {ROWS}.length > 0")
        end()
        page.until(ASKS)
        assert why in told(page)
        assert (page.js(CARS), page.js(ROWS)) == (0, [])
        page.ask("Page.reload")  # the cookie is still there and holds no more
        page.until(ASKS)
        page.until("document.querySelector('#refused').textContent !== ''")
        assert why in told(page)
    show(page, house.issuer.token())
    page.until(f"{CARS} === 1 && {ROWS}.length > 0")
