"""Metrics: what each process counts, told to a Prometheus on the same machine."""

import prometheus_client

#: Nobody else is told: names of plugins and of refusals say much about an installation.
_HOST = "127.0.0.1"


def tell_metrics(port: int | None) -> int | None:
    """Answer ``/metrics`` on this port of this machine from now on; on none where none is set.

    :returns: the port, for one that was left to the system (0).
    """
    if port is None:
        return None
    server, _thread = prometheus_client.start_http_server(port, addr=_HOST)
    return int(server.server_port)
