"""Persons, kept to the least the work needs, and what they consented to."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from sqlalchemy import func, select

from gongzhi.core.api import (
    SHANGHAI,
    Input,
    Invalid,
    Service,
    WrongState,
    check_id_number,
    check_phone,
    ref,
    today,
    told,
    use_case,
)
from gongzhi.core.pinyin import sort_key
from gongzhi.tenants import events, policies
from gongzhi.tenants.models import Consent, Person, Purpose

#: After a refusal or withdrawal a person is not asked again for this long (《网络数据安全管理条例》第二十二条).
ASK_AGAIN_AFTER = timedelta(days=180)


class GuardianMissing(Invalid):
    """Nobody may be registered as a child under fourteen without a guardian (《个人信息保护法》第三十一条)."""

    code = "PERSON_GUARDIAN_MISSING"
    zh = "未满十四周岁须登记监护人"
    en = "A child under fourteen is registered with a guardian"


class AskedTooSoon(Invalid):
    """The person withdrew this consent lately and is not asked again yet."""

    code = "CONSENT_ASKED_TOO_SOON"
    zh = "该人员已撤回此项同意，{until}前不得再次征求"
    en = "The person withdrew this consent and is not asked again before {until}"


class RegisterPerson(Input, frozen=True):
    """A person the community works with; leave out whatever the work does not need (人员)."""

    display_name: Annotated[str, told("The name people use (姓名或称呼).", pattern=r"\S", max_length=60)]
    phone: Annotated[str, told("A phone number; sealed at once (电话).", max_length=30)] | None = None
    id_number: (
        Annotated[str, told("An identity number; sealed at once (身份证号).", max_length=30)] | None
    ) = None
    birth_band: (
        Annotated[
            str,
            told(
                "A span of ages, not a birthday: 0-13, 14-17, 18-59, 60+ (年龄段).",
                pattern=r"^(0-13|14-17|18-59|60\+)$",
            ),
        ]
        | None
    ) = None
    guardian_id: Annotated[UUID, ref("Person", "Who is responsible for a child (监护人).")] | None = None


class GiveConsent(Input, frozen=True):
    """A consent, as it was given (同意)."""

    person_id: Annotated[UUID, ref("Person", "Who consents (人员).")]
    purpose: Annotated[Purpose, told("What for (目的).")]
    data_kinds: Annotated[list[str], told("Which data it covers (数据种类).", min_length=1, max_length=20)]
    wording: Annotated[
        str, told("Which version of the text was shown (告知文本版本).", min_length=1, max_length=60)
    ]
    method: Annotated[
        str, told("How it was given: signed, spoken, online (方式).", min_length=1, max_length=40)
    ]
    separate: Annotated[bool, told("It was asked for on its own (单独同意).")] = False


class WithdrawConsent(Input, frozen=True):
    """A consent that a person takes back (撤回同意)."""

    consent_id: Annotated[UUID, ref("Consent", "Which consent (同意记录).")]
    version: Annotated[int, told("The version that was read (版本号).")]


class Unmask(Input, frozen=True):
    """A person whose phone and identity number somebody has to see, and why (查看敏感信息)."""

    person_id: Annotated[UUID, ref("Person", "Who (人员).")]
    reason: Annotated[
        str, told("Why it is needed; kept with the person's community (事由).", min_length=4, max_length=200)
    ]


class Persons(Service):
    """The persons of one community."""

    @use_case(policies.PERSON_REGISTER)
    async def register(self, person: RegisterPerson) -> Person:
        """Register a person with as little as the work needs (登记人员)."""
        if person.birth_band == "0-13" and person.guardian_id is None:
            raise GuardianMissing(path="guardianId", problem="")
        if person.guardian_id is not None:
            guardian = await self.work.load(Person, person.guardian_id)
            if guardian.birth_band == "0-13":
                raise GuardianMissing(path="guardianId", problem="")
        row = Person(
            display_name=person.display_name.strip(),
            sort_key=sort_key(person.display_name.strip()),
            birth_band=person.birth_band,
            guardian_id=person.guardian_id,
        )
        if person.phone is not None:
            phone = check_phone(person.phone, path="phone")
            row.phone_sealed, row.phone_index = self._sealed("person.phone", phone)
        if person.id_number is not None:
            number = check_id_number(person.id_number, path="idNumber")
            row.id_number_sealed, row.id_number_index = self._sealed("person.id_number", number)
        self.session.add(row)
        return row

    def _sealed(self, field: str, text: str) -> tuple[bytes, bytes]:
        keys, tenant = self.work.kernel.keys, self.work.tenant
        return (
            keys.seal(text, tenant=tenant, field=field),
            keys.blind_index(text, tenant=tenant, field=field),
        )

    @use_case(policies.PERSON_UNMASK)
    async def unmask(self, asked: Unmask) -> Person:
        """Show a person's phone and identity number in full; the look is audited (查看敏感信息)."""
        return await self.work.load(Person, asked.person_id)


class Consents(Service):
    """The consent ledger of one community."""

    @use_case(policies.PERSON_CONSENT)
    async def give(self, given: GiveConsent) -> Consent:
        """Record a consent as it was given (登记同意)."""
        person = await self.work.load(Person, given.person_id)
        latest = select(func.max(Consent.withdrawn_at)).where(
            Consent.person_id == person.id, Consent.purpose == given.purpose
        )
        withdrawn = (await self.session.scalars(latest)).one()
        if withdrawn is not None:
            until = withdrawn.astimezone(SHANGHAI).date() + ASK_AGAIN_AFTER
            if today() < until:
                raise AskedTooSoon(path="purpose", until=until.isoformat(), problem="")
        row = Consent(
            person_id=person.id,
            purpose=given.purpose,
            data_kinds=given.data_kinds,
            wording=given.wording,
            method=given.method,
            separate=given.separate,
        )
        self.session.add(row)
        return row

    @use_case(policies.PERSON_CONSENT)
    async def withdraw(self, withdrawn: WithdrawConsent) -> Consent:
        """Take a consent back: what relied on it stops, what was done stays (撤回同意)."""
        consent = await self.work.load(Consent, withdrawn.consent_id, version=withdrawn.version)
        if consent.withdrawn_at is not None:
            raise WrongState(state="withdrawn", step="withdraw", allowed="-")
        consent.withdrawn_at = self.work.at
        told_all = events.ConsentWithdrawn(person_id=str(consent.person_id), purpose=consent.purpose.value)
        self.work.publish(told_all)
        return consent
