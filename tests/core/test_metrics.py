"""Metrics, as a Prometheus on the same machine reads them."""

import httpx

from gongzhi.core.metrics import tell_metrics
from gongzhi.graphql.metrics import FALLBACKS


class TestTellMetrics:
    def test_is_silent_unless_asked(self):
        assert tell_metrics(None) is None

    def test_tells_what_is_counted(self):
        FALLBACKS.labels("a test's reason").inc()
        answer = httpx.get(f"http://127.0.0.1:{tell_metrics(0)}/metrics")
        assert 'gongzhi_graphql_fallbacks_total{reason="a test\'s reason"} 1.0' in answer.text
