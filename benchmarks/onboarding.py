"""Communities onboarded a second: 邹城市's 714, on a platform that is empty and on one of 20,000 communities.

Each run onboards a copy of the real file under another county code, on a durable embedded PostgreSQL of its
own. Prints absolute figures and the ratio of the medians in one run.
"""

import asyncio
import os
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path

from sqlalchemy import text

from gongzhi.core.api import Kernel, Settings, opened, system_work
from gongzhi.tenants.blueprints import load_blueprint
from gongzhi.tenants.onboarding.provision import Onboarding, onboard
from gongzhi.tenants.onboarding.rows import survey
from gongzhi.tenants.onboarding.sheet import read_sheet_bytes

FILE = Path(__file__).parent.parent / "tests/data/divisions/370883-邹城市.csv"
RUNS, SYNTHETIC = 5, 20_000

#: A county of 20 streets with 1,000 communities each, made in SQL: what is measured is onboarding, not this.
FILL = """
with steps as (select nextval('tenants.area_step') as step, n from generate_series(0, :n + 20) as n),
places as (
    select n, gen_random_uuid() as id,
        case when n = 0 then 'county' when n <= 20 then 'street' else 'community' end as level,
        case when n = 0 then '990000' when n <= 20 then '990000' || lpad(n::text, 3, '0')
            else '990000' || lpad(((n - 21) / 1000 + 1)::text, 3, '0') || lpad(((n - 21) % 1000)::text, 3, '0') end as code,
        'z' || step as step
    from steps
), rooted as (
    select p.*, case when p.n = 0 then null when p.n <= 20 then (select id from places where n = 0)
        else (select s.id from places s where s.n = (p.n - 21) / 1000 + 1) end as parent_id,
        case when p.n = 0 then p.step || '.'
            when p.n <= 20 then (select step from places where n = 0) || '.' || p.step || '.'
            else (select c.step from places c where c.n = 0) || '.'
                || (select s.step from places s where s.n = (p.n - 21) / 1000 + 1) || '.' || p.step || '.' end as path
    from places p
), areas as (
    insert into tenants.area
        (id, parent_id, path, level, code, name, short_name, sort_key, search_keys, created_at)
    select id, parent_id, path, level, code, '合成' || code, '合成' || code, code, code, now() from rooted
    returning id, level
)
insert into tenants.tenant (node_id, state, blueprint, roles, since, version)
select id, 'active', 'standard', '{}', now(), 1 from areas where level = 'community'
"""


async def onboard_copy(kernel: Kernel, county: str) -> float:
    """Onboard a copy of the real county under this code; answers communities a second, file reading included."""
    content = FILE.read_text(encoding="utf-8").replace("370883", county)
    begun = time.perf_counter()
    asked = Onboarding(
        survey=survey(read_sheet_bytes("benchmark.csv", content.encode()), county=county),
        county=county,
        blueprint_name="standard",
        blueprint=load_blueprint("standard", kernel.plugins),
        on_error="stop",
        source="benchmark",
        as_of=date(2023, 6, 30),
    )
    outcome = await onboard(kernel, asked)
    assert outcome.communities == 714, outcome
    return outcome.communities / (time.perf_counter() - begun)


async def measure(kernel: Kernel) -> None:
    """Measure both platforms and print."""
    await kernel.migrate()
    await onboard_copy(kernel, "370899")  # warm: imports, connections, plans
    empty = [await onboard_copy(kernel, f"37081{n}") for n in range(RUNS)]
    async with system_work(kernel) as work:
        await work.session.execute(text(FILL), {"n": SYNTHETIC})
    async with system_work(kernel) as work:
        await work.session.execute(text("analyze tenants.area"))
        count = (await work.session.execute(text("select count(*) from tenants.tenant"))).scalar_one()
    full = [await onboard_copy(kernel, f"37084{n}") for n in range(RUNS)]
    for name, rates in (("nearly empty platform", empty), (f"platform of {count} communities", full)):
        rates.sort()
        print(
            f"{name}: {statistics.median(rates):.0f} communities/s (min {rates[0]:.0f}, max {rates[-1]:.0f}; aim 300)"
        )
    ratio = statistics.median(full) / statistics.median(empty)
    print(f"full / empty: {ratio:.2f} (aim at least 0.80)")
    await kernel.database.dispose()


def main() -> None:
    """Run on a database of its own, thrown away afterwards."""
    with tempfile.TemporaryDirectory(prefix="gongzhi-bench-") as folder:
        Path(folder).chmod(0o711)
        with opened(Settings.load({**os.environ, "GONGZHI_DATA_DIR": folder})) as kernel:
            asyncio.run(measure(kernel))


if __name__ == "__main__":
    main()
