"""What the API returns."""

from pydantic import BaseModel


class Station(BaseModel):
    id: str
    name: str
    latitude: float
    longitude: float
    elevation: float
