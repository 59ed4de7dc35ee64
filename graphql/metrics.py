"""What is counted of GraphQL."""

from prometheus_client import Counter

ANSWERED = Counter("gongzhi_graphql_answered", "Requests answered, by the way that was taken.", ["way"])
FALLBACKS = Counter(
    "gongzhi_graphql_fallbacks", "Operations that were left to the plain executor, by reason.", ["reason"]
)
REFUSED = Counter("gongzhi_graphql_refused", "Requests refused as a whole, by code.", ["code"])

#: The ways, each with its counter at hand.
READ, WRITTEN, PLAIN = (ANSWERED.labels(way) for way in ("compiled read", "compiled write", "plain"))
