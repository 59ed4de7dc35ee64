"""What a community may set about mediation."""

from typing import Annotated

import msgspec


class MediationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of mediation in one community (人民调解设置)."""

    #: Natural days within which a case should be settled; the rule's own number where it is left out.
    due_days: Annotated[int, msgspec.Meta(ge=1, le=60)] | None = None
    #: The word of the case number “（年）X人调字第N号”; the community's first character where it is empty.
    number_word: Annotated[str, msgspec.Meta(max_length=8)] = ""
