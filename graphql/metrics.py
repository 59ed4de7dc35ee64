"""What is counted of GraphQL, for ``/metrics``."""

from prometheus_client import Counter

FALLBACKS = Counter(
    "gongzhi_graphql_fallbacks",
    "Operations that were left to the plain executor, by reason.",
    ["reason"],
)
REFUSED = Counter("gongzhi_graphql_refused", "Requests refused as a whole, by code.", ["code"])
