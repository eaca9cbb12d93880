"""A provider as tests play it: one OpenProviderStream over a real port, message by message; and who reads."""

import queue
import time

import grpc
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub

DEADLINE_S = 10


def at(path):
    return types.SignalID(path=path)


def number(value):
    return types.Value(float=value)


def get(stub, path):
    return stub.GetValue(val.GetValueRequest(signal_id=at(path)), timeout=DEADLINE_S).data_point


def in_time(function):
    """The fewest seconds that it took of three times: the machine may be busy with something else."""

    def once():
        start = time.monotonic()
        function()
        return time.monotonic() - start

    return min(once() for _ in range(3))


def record_claims(door):
    """A queue that gets each claim of actuators from now on."""
    made, claim_actuators = queue.SimpleQueue(), door.broker.claim_actuators

    def told(*args):
        claim = claim_actuators(*args)
        made.put(claim)
        return claim

    door.broker.claim_actuators = told
    return made


class ProviderStub:
    """To be used in a `with`; leaving it cancels the stream."""

    def __init__(self, port, **options):
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._said = queue.SimpleQueue()
        self.call = VALStub(self._channel).OpenProviderStream(iter(self._said.get, None), timeout=DEADLINE_S, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.vanish()
        self._channel.close()

    def say(self, **action):
        self._said.put(val.OpenProviderStreamRequest(**action))

    def hear(self, action):
        """The content of the next message, which must be of this kind."""
        message = next(self.call)
        assert message.WhichOneof("action") == action
        return getattr(message, action)

    def refusal(self):
        """How the stream ended."""
        try:
            message = next(self.call)
        except grpc.RpcError as e:
            return e.code(), e.details()
        raise AssertionError(f"the stream goes on with {message}")

    def provide_actuators(self, *paths):
        self.say(provide_actuation_request=val.ProvideActuationRequest(actuator_identifiers=[at(p) for p in paths]))
        self.hear("provide_actuation_response")
        return self

    def claim_signals(self, *indices):
        intervals = {i: types.SampleInterval(interval_ms=100) for i in indices}
        self.say(provide_signal_request=val.ProvideSignalRequest(signals_sample_intervals=intervals))

    def provide_signals(self, *indices):
        self.claim_signals(*indices)
        self.hear("provide_signal_response")
        return self

    def publish(self, request_id=1, **values):
        """Values by `i` and the id, such as i5."""
        points = {int(name[1:]): types.Datapoint(value=value) for name, value in values.items()}
        self.say(publish_values_request=val.PublishValuesRequest(request_id=request_id, data_points=points))

    def answer(self, signal_id, code=types.ERROR_CODE_OK, message=""):
        error = types.Error(code=code, message=message)
        self.say(batch_actuate_stream_response=val.BatchActuateStreamResponse(signal_id=signal_id, error=error))

    def values(self, request_id, values):
        points = {i: types.Datapoint(value=value) for i, value in values.items()}
        self.say(get_provider_value_response=val.GetProviderValueResponse(request_id=request_id, entries=points))

    def asked(self):
        """The next batch, as {id: value of the one field that is set}."""
        requests = self.hear("batch_actuate_stream_request").actuate_requests
        assert all(r.signal_id.WhichOneof("signal") == "id" for r in requests)
        return [(r.signal_id.id, getattr(r.value, r.value.WhichOneof("typed_value"))) for r in requests]

    def finish(self):
        """Say no more, and go on listening."""
        self._said.put(None)

    def vanish(self):
        self.call.cancel()
        self._said.put(None)
