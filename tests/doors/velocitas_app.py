"""A vehicle app on the Velocitas SDK, to be run where that is installed, as a Velocitas app is: VehicleApp, a model,
subscriptions by annotation and by query. It tells on standard output, a JSON object a line, what it hears, and does
what it reads on standard input: `get`, `set NUMBER`, `both NUMBER TEXT`, `quit`.
"""

import asyncio
import json
import sys

from velocitas_sdk import config
from velocitas_sdk.base import PubSubClient
from velocitas_sdk.model import DataPointFloat, DataPointString, DataPointUint8, Model
from velocitas_sdk.vehicle_app import VehicleApp, subscribe_data_points

LIMIT = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"


class Charging(Model):
    def __init__(self, parent):
        super().__init__(parent)
        self.ChargeLimit = DataPointUint8("ChargeLimit", self)


class TractionBattery(Model):
    def __init__(self, parent):
        super().__init__(parent)
        self.Charging = Charging(self)


class Powertrain(Model):
    def __init__(self, parent):
        super().__init__(parent)
        self.TractionBattery = TractionBattery(self)


class Wiping(Model):
    def __init__(self, parent):
        super().__init__(parent)
        self.Mode = DataPointString("Mode", self)


class Front(Model):
    def __init__(self, parent):
        super().__init__(parent)
        self.Wiping = Wiping(self)


class Windshield(Model):
    def __init__(self, parent):
        super().__init__(parent)
        self.Front = Front(self)


class Body(Model):
    def __init__(self, parent):
        super().__init__(parent)
        self.Windshield = Windshield(self)


class Vehicle(Model):
    def __init__(self):
        super().__init__()
        self.Speed = DataPointFloat("Speed", self)
        self.Powertrain = Powertrain(self)
        self.Body = Body(self)


class NoTopics(PubSubClient):
    """In place of MQTT, of which the tests have no server."""

    async def init(self):
        pass

    async def run(self):
        pass

    async def subscribe_topic(self, topic, coro):
        pass

    async def publish_event(self, topic, data):
        pass


def tell(**said):
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


class ChargeApp(VehicleApp):
    def __init__(self, vehicle):
        super().__init__()
        self.over = asyncio.Event()
        self.vehicle = vehicle
        self.limit = vehicle.Powertrain.TractionBattery.Charging.ChargeLimit
        self.wiper = vehicle.Body.Windshield.Front.Wiping.Mode

    async def on_start(self):
        await self.vehicle.Speed.join(self.limit).subscribe(self.on_values)
        self.listening = asyncio.create_task(self.listen())

    async def on_values(self, reply):
        tell(speed=reply.get(self.vehicle.Speed).value, limit=reply.get(self.limit).value)

    @subscribe_data_points(LIMIT, f"{LIMIT} <> LAG({LIMIT}) AND {LIMIT} > 90")
    def on_high_limit(self, reply):
        tell(high=reply.get(self.limit).value)

    async def listen(self):
        while line := await asyncio.to_thread(sys.stdin.readline):
            command, *rest = line.split()
            if command == "quit":
                break
            try:
                await getattr(self, command)(*rest)
            except Exception as e:
                tell(error=f"{type(e).__name__}: {e}")
        self.over.set()

    async def get(self):
        tell(got_speed=(await self.vehicle.Speed.get()).value, got_limit=(await self.limit.get()).value)

    async def set(self, number):
        await self.limit.set(int(number))
        tell(set=int(number))

    async def both(self, number, text):
        await self.vehicle.set_many().add(self.limit, int(number)).add(self.wiper, text).apply()
        tell(set=[int(number), text])

    async def wrong(self):
        await self.vehicle.Speed.set(1.0)


async def main():
    config.middleware.pubsub_client = NoTopics()
    app = ChargeApp(Vehicle())
    running = asyncio.create_task(app.run())
    await app.over.wait()
    await app.stop()
    running.cancel()


asyncio.run(main())
