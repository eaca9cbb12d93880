"""Broker and Collector of sdv.databroker.v1 as tests call them, over a real port."""

import grpc

from renkei.doors.kuksa.databroker_schema import SDV

DEADLINE_S = 10


class DatabrokerStub:
    """To be used in a `with`; each method is an RPC and takes its options, such as `metadata`."""

    def __init__(self, port):
        # A connection of its own, even beside others of this process.
        options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._channel.close()

    def method(self, service, name, reply_class=None, shape="unary_unary"):
        return getattr(self._channel, shape)(
            f"/sdv.databroker.v1.{service}/{name}",
            request_serializer=lambda r: r if isinstance(r, bytes) else r.SerializeToString(),
            response_deserializer=reply_class and reply_class.FromString,
        )

    def get(self, *names, **options):
        call = self.method("Broker", "GetDatapoints", SDV.GetDatapointsReply)
        return call(SDV.GetDatapointsRequest(datapoints=names), timeout=DEADLINE_S, **options).datapoints

    def set(self, points, timeout=DEADLINE_S, **options):
        """Errors by name, by their own names."""
        call = self.method("Broker", "SetDatapoints", SDV.SetDatapointsReply)
        return errors(call(SDV.SetDatapointsRequest(datapoints=points), timeout=timeout, **options))

    def subscribe(self, query, timeout=DEADLINE_S, **options):
        call = self.method("Broker", "Subscribe", SDV.SubscribeReply, "unary_stream")
        return Rows(call(SDV.SubscribeRequest(query=query), timeout=timeout, **options))

    def metadata(self, *names):
        call = self.method("Broker", "GetMetadata", SDV.GetMetadataReply)
        return call(SDV.GetMetadataRequest(names=names), timeout=DEADLINE_S).list

    def register(self, *asked):
        call = self.method("Collector", "RegisterDatapoints", SDV.RegisterDatapointsReply)
        return dict(call(SDV.RegisterDatapointsRequest(list=asked), timeout=DEADLINE_S).results)

    def update(self, points, **options):
        call = self.method("Collector", "UpdateDatapoints", SDV.UpdateDatapointsReply)
        return errors(call(SDV.UpdateDatapointsRequest(datapoints=points), timeout=DEADLINE_S, **options))

    def stream(self, requests, timeout=DEADLINE_S):
        call = self.method("Collector", "StreamDatapoints", SDV.StreamDatapointsReply, "stream_stream")
        return call(requests, timeout=timeout)


class Rows:
    """A subscription; each row as {name: value}, None for what is not available."""

    def __init__(self, call):
        self.call = call

    def message(self):
        return next(self.call).fields

    def row(self):
        return {name: value(point) for name, point in self.message().items()}


_ERRORS = {getattr(SDV, name): name for name in (
    "UNKNOWN_DATAPOINT", "INVALID_TYPE", "ACCESS_DENIED", "INTERNAL_ERROR", "OUT_OF_BOUNDS"
)}  # fmt: skip


def errors(reply):
    return {key: _ERRORS[code] for key, code in reply.errors.items()}


def value(point):
    """What a Datapoint holds; None for NOT_AVAILABLE and the name of any other failure."""
    kind = point.WhichOneof("value")
    if kind == "failure_value":
        failure = SDV.Datapoint.Failure.Name(point.failure_value)
        return None if failure == "NOT_AVAILABLE" else failure
    held = getattr(point, kind)
    return list(held.values) if kind.endswith("_array") else held


def point(**field):
    """A Datapoint, such as point(float_value=1.0)."""
    return SDV.Datapoint(**field)


def registration(name, data_type, change_type=SDV.CONTINUOUS):
    return SDV.RegistrationMetadata(name=name, data_type=data_type, change_type=change_type)
