"""The dashboard's page in a real browser: values appear and stay live, nothing unknown is shown as a number."""

import re

import browser
import pytest
from open_dashboard import NAMES, VEHICLES, OpenDashboard

from renkei.can.load import Load
from renkei.can.meter import BusState
from renkei.samples import STALE

FIRST, SECOND = VEHICLES
BATTERY = "Vehicle.Powertrain.TractionBattery."
SPEED, CURRENT, POWER = "Vehicle.Speed", BATTERY + "CurrentCurrent", BATTERY + "CurrentPower"
GEAR, STATE = "Vehicle.Powertrain.Transmission.SelectedGear", "Vehicle.LowVoltageSystemState"
CELLS = BATTERY + "CellVoltage.CellVoltages"
TRACK = "Vehicle.Cabin.Infotainment.Media.Played.Track"
HOSTILE = """</script><script>document.title = "pwned"</script><img src=x onerror="document.title='pwned'">&amp;"""

pytestmark = pytest.mark.skipif(not browser.executable(), reason="no Chromium here; apt-get install chromium")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    opened = browser.Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.fixture
def door():
    opened = OpenDashboard()
    yield opened
    opened.close()


@pytest.fixture
def look(chromium, door):
    """Opens the page and waits until it is live; at the end its console must be clean."""
    pages = []

    def opened(**options):
        page = chromium.open(door.url, **options)
        pages.append(page)
        page.until("document.querySelector('#state')?.textContent === 'Live'")
        page.until(f"document.querySelectorAll('.car').length === {len(VEHICLES)}")
        return page

    yield opened
    for page in pages:
        page.close()
        assert page.complaints == []


def card(page, vehicle=0):
    """Headline by label, as the card shows it."""
    return page.js(
        f"""Object.fromEntries([...document.querySelectorAll('.car')[{vehicle}].querySelectorAll('.tile')].map(t => [
          t.querySelector('dt').textContent,
          [...t.querySelectorAll('.big span, .big small, .note')].map(x => x.textContent).join(' ').trim(),
        ]))"""
    )


def cell(path, column, vehicle=0):
    """JavaScript for the text in the table."""
    body = f"document.querySelectorAll('tbody')[{vehicle}]"
    return f"""{body}?.querySelector('tr[data-path="{path}"] .{column}')?.innerText"""


def shown(page):
    """Paths of the rows that can be seen."""
    return page.js(
        "[...document.querySelectorAll('tr[data-path]')].filter(r => r.offsetParent).map(r => r.dataset.path)"
    )


def test_values_appear_with_their_units(door, look):
    door.publish({SPEED: 50.0, BATTERY + "StateOfCharge.Current": 71.25, CURRENT: -60.0, POWER: -21_500.0})
    door.publish({GEAR: 126, STATE: "ON", BATTERY + "CurrentVoltage": 358.4})
    page = look()
    page.until("document.querySelectorAll('.tile').length === 7")
    assert card(page) == {
        "Speed": "50.0 km/h",
        "State of charge": "71.3 %",
        "Battery power": "−21.5 kW out of the battery",
        "Battery current": "−60.0 A out of the battery",
        "Battery voltage": "358.4 V",
        "Gear": "Park",
        "Power state": "ON",
    }
    assert page.js("[...document.querySelectorAll('.car h2')].map(h => h.textContent)") == list(NAMES.values())
    assert page.js(cell(POWER, "value")) == "−21500"
    assert page.js(cell(POWER, "unit")) == "W"
    assert page.js(cell(POWER, "age")) == "now"
    assert page.js(cell(POWER, "meaning")) == door.vocabulary[POWER].description


def test_values_update_live_and_in_their_own_car(door, look):
    page = look()
    for value in (10.0, 20.5, 30.0):
        door.publish({SPEED: value, GEAR: 127})
        door.publish({SPEED: value + 1}, SECOND)
        page.until(f"{cell(SPEED, 'value')} === '{value:g}'")
        page.until(f"{cell(SPEED, 'value', 1)} === '{value + 1:g}'")
        assert card(page) == {"Speed": f"{value:.1f} km/h", "Gear": "Drive"}
    door.publish({GEAR: -1})
    page.until(f"{cell(GEAR, 'value')} === 'Reverse'")
    door.publish({GEAR: 3})
    page.until(f"{cell(GEAR, 'value')} === '3'")


def test_the_buses_of_a_live_car_stand_on_its_card(chromium):
    states = [BusState("ev-can", "virtual", "x", 500_000, is_high=True, load=Load(4100.0, 0.91, 1.1))]
    door = OpenDashboard(buses=lambda vehicle: states if vehicle == FIRST else ())
    try:
        page = chromium.open(door.url)
        shown = ".buses:not([hidden]) span"
        buses = f"[...document.querySelectorAll('{shown}')].map(s => s.textContent + '|' + s.className)"
        page.until(f"{buses}.length === 1")
        assert page.js(buses) == ["ev-can: load 91 to 110 %, 4100 frames/s, nearly full|alarm"]
        states[:] = [BusState("ev-can", "virtual", "x", 500_000, load=Load(20.0, 0.004, 0.005), error_frames=2),
                     BusState("car-can", "virtual", "y", None, is_lost=True)]  # fmt: skip
        page.until(f"{buses}.length === 2")
        assert page.js(buses) == ["ev-can: load 0 to 1 %, 20 frames/s, 2 error frames|", "car-can: lost|alarm"]
        assert page.complaints == []
        page.close()
    finally:
        door.close()


def test_not_available_is_a_dash_and_never_zero(door, look):
    door.publish({SPEED: None, CURRENT: 5.0})
    page = look()
    page.until(f"{cell(SPEED, 'value')} === '–'")
    assert card(page) == {"Speed": "–  not available", "Battery current": "5.0 A into the battery"}
    door.publish({SPEED: 0.0, CURRENT: None})
    page.until(f"{cell(SPEED, 'value')} === '0'")
    page.until(f"{cell(CURRENT, 'value')} === '–'")
    assert card(page) == {"Speed": "0.0 km/h", "Battery current": "–  not available"}


def test_a_value_that_is_no_longer_said_is_a_dash_and_called_stale(door, look):
    door.publish({SPEED: 5.0, CURRENT: STALE})
    page = look()
    page.until(f"{cell(CURRENT, 'value')} === '–'")
    page.until(f"{cell(CURRENT, 'age')} === 'stale, now'")
    door.publish({SPEED: STALE, CURRENT: 1.0})
    page.until(f"{cell(CURRENT, 'value')} === '1'")
    assert card(page) == {"Speed": "–  stale", "Battery current": "1.0 A into the battery"}


def test_a_car_shows_only_what_it_has(door, look):
    door.publish({"Vehicle.SpeedDisplayed": 42.0})
    page = look()
    page.until("document.querySelectorAll('.tile').length === 1")
    assert card(page) == {"Speed": "42.0 km/h"}
    assert card(page, 1) == {}
    assert "No headline signal yet." in page.js("document.querySelectorAll('.car')[1].innerText")
    assert shown(page) == ["Vehicle.SpeedDisplayed"]


def test_values_that_the_tree_presumes_are_shown_on_request_only(door, look):
    page = look()
    page.until("document.querySelectorAll('tr[data-path]').length > 20")
    assert shown(page) == []
    page.js("document.querySelector('#defaults').click()")
    assert "Vehicle.Length" in shown(page)
    page.js("document.querySelector('#defaults').click()")
    door.publish({"Vehicle.Length": 4490})
    page.until(f"{cell('Vehicle.Length', 'value')} === '4490'")
    assert shown(page) == ["Vehicle.Length"]
    assert page.js(cell("Vehicle.Length", "age")) == "fixed"


def test_hostile_text_is_only_text(chromium):
    door = OpenDashboard(names={FIRST: HOSTILE})
    door.publish({TRACK: HOSTILE})
    page = chromium.open(door.url)
    try:
        page.until(f"{cell(TRACK, 'value')}?.includes('onerror')")
        assert page.js(cell(TRACK, "value")) == HOSTILE
        door.publish({TRACK: HOSTILE + "again"})
        page.until(f"{cell(TRACK, 'value')}.endsWith('again')")
        page.until("document.querySelector('.car h2').textContent.includes('onerror')")
        assert page.js("document.querySelector('.car h2').textContent") == HOSTILE
        assert page.js("[document.title, document.images.length, document.scripts.length]") == ["renkei", 0, 1]
        assert page.complaints == []
    finally:
        page.close()
        door.close()


def type_filter(page, text):
    page.js(
        f"""document.querySelector('#filter').value = {text!r},
        document.querySelector('#filter').dispatchEvent(new Event('input'))"""
    )


FILTERS = {
    "part of a path": ("battery", [CURRENT, POWER]),
    "every word": ("CURRENTPOWER battery", [POWER]),
    "a word of the meaning": ("brakes or motor", [SPEED, SPEED]),
    "the name of a car": ("(2019)", [CURRENT, POWER, SPEED]),
    "a car and a path": ("other/two speed", [SPEED]),
    "nothing": ("  ", [CURRENT, POWER, SPEED, SPEED]),
    "what no row has": ("[.*", []),
}


def test_the_filter_leaves_what_fits(door, look):
    door.publish({SPEED: 1.0, CURRENT: 2.0, POWER: 3.0})
    door.publish({SPEED: 4.0}, SECOND)
    page = look()
    page.until(f"{cell(POWER, 'value')} && {cell(SPEED, 'value', 1)}")
    page.until("document.querySelector('tbody tr.name').innerText.includes('(2019)')")
    for name, (text, expected) in FILTERS.items():
        type_filter(page, text)
        assert shown(page) == expected, name
        count = page.js("document.querySelector('#shown').textContent")
        assert count == (f"{len(expected)} of 4" if 0 < len(expected) < 4 else "4" if expected else "no signal fits"), (
            name
        )


def test_a_signal_that_comes_later_joins_the_table_in_its_place(door, look):
    door.publish({SPEED: 1.0, CURRENT: 2.0})
    page = look()
    page.until(f"{cell(SPEED, 'value')}")
    type_filter(page, "vehicle")
    door.publish({GEAR: 0})
    page.until(f"{cell(GEAR, 'value')} === 'Neutral'")
    page.until("document.querySelectorAll('.tile').length === 3")
    assert shown(page) == [CURRENT, GEAR, SPEED]
    assert list(card(page)) == ["Speed", "Battery current", "Gear"]


def test_arrays_are_summed_up_and_open_on_request(door, look):
    door.publish({CELLS: [3.5, 3.75, 3.25]})
    page = look()
    page.until(f"{cell(CELLS, 'value')} === '3 values, 3.25 to 3.75'")
    page.js(f"""document.querySelector('tr[data-path="{CELLS}"] details').open = true""")
    page.until(f"{cell(CELLS, 'value')}.includes('3.5, 3.75, 3.25')")
    door.publish({CELLS: None})
    page.until(f"{cell(CELLS, 'value')}.startsWith('–')")


def test_small_numbers_keep_their_digits(door, look):
    door.publish({SPEED: 0.000123456, CURRENT: -0.04})
    page = look()
    page.until(f"{cell(SPEED, 'value')} === '0.000123'")
    assert card(page)["Battery current"].startswith("0.0 A")


def test_sparklines_follow_and_break_where_nothing_is_available(door, look):
    page = look()
    for value in (10.0, 40.0, None, 20.0):
        door.publish({SPEED: value})
        page.until(f"{cell(SPEED, 'value')} === '{'–' if value is None else format(value, 'g')}'")
    page.until("document.querySelector('figure svg')?.getAttribute('aria-label').endsWith('10.0 to 40.0 km/h')")
    assert page.js("document.querySelector('figure svg path').getAttribute('d').split('M').length") == 3
    assert page.js("document.querySelector('figcaption').innerText").startswith("Speed, last 60 s")


def test_a_lost_door_is_told_and_found_again(chromium):
    door = OpenDashboard()
    door.publish({SPEED: 50.0})
    page = chromium.open(door.url)
    try:
        page.until(f"{cell(SPEED, 'value')} === '50'")
        assert page.js("document.querySelector('#lost').hidden")
        door.close()
        page.until("!document.querySelector('#lost').hidden")
        assert page.js("document.querySelector('#lost').innerText").startswith(
            "Disconnected. What you see are the last"
        )
        assert page.js(cell(SPEED, "value")) == "50"
        door = OpenDashboard(port=door.port)
        page.until("document.querySelector('#lost').hidden")
        # The new door knows nothing yet: what the old one said is no longer shown as a value.
        page.until(f"{cell(SPEED, 'value')} === '–'")
        door.publish({SPEED: 60.0})
        page.until(f"{cell(SPEED, 'value')} === '60'")
    finally:
        page.close()
        door.close()


def luminance(color):
    """Relative luminance (WCAG 2.2, Relative luminance)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible_in_both_schemes(look, scheme):
    page = look(scheme=scheme)
    names = ("ink", "quiet", "card", "ground", "warn", "warn-ground", "speed", "current")
    color = {n: page.js(f"getComputedStyle(document.documentElement).getPropertyValue('--{n}').trim()") for n in names}
    assert (luminance(color["ground"]) > 0.5) is (scheme == "light")
    for ink, ground in [(i, g) for i in ("ink", "quiet") for g in ("card", "ground")] + [("warn", "warn-ground")]:
        low, high = sorted((luminance(color[ink]), luminance(color[ground])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, f"{ink} on {ground}"  # WCAG 2.2, Contrast (Minimum)


@pytest.mark.parametrize("width", [320, 390, 800, 1600])
def test_it_fits_any_width(door, look, width):
    door.publish({SPEED: 50.0, CURRENT: -123.4, STATE: "ON", CELLS: [3.7] * 96, TRACK: "x" * 300})
    page = look(width=width)
    page.until(f"{cell(TRACK, 'value')}")
    assert page.js("document.documentElement.scrollWidth") <= width


def test_nothing_is_asked_of_anyone_else(door, look):
    door.publish({SPEED: 50.0})
    page = look()
    page.until(f"{cell(SPEED, 'value')}")
    asked = page.js("performance.getEntriesByType('resource').map(r => r.name)")
    assert asked
    assert [a for a in asked if not re.match(rf"{door.url}(events|api/)", a)] == []
