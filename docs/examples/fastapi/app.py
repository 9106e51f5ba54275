"""An API of weather stations."""

import csv
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query

from models import Station

DATA = Path(__file__).parent / "data" / "stations.csv"

app = FastAPI(title="Weather stations", version="1.0")


def load() -> dict[str, Station]:
    """Read the stations by their id."""
    with DATA.open(encoding="utf-8", newline="") as file:
        return {row["id"]: Station(**row) for row in csv.DictReader(file)}


STATIONS = load()


@app.get("/stations")
def stations(
    above: Annotated[float, Query(description="Elevation in metres")] = 0,
) -> list[Station]:
    """List the stations above an elevation."""
    return [station for station in STATIONS.values() if station.elevation >= above]


@app.get("/stations/{id}")
def station(id: str) -> Station:
    """Return one station."""
    try:
        return STATIONS[id]
    except KeyError:
        raise HTTPException(404, f"There is no station {id}") from None
