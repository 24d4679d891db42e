"""The pool of the site file, from its text to the plan: hosts meant for it are powered off and never built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quads_tui.inputs import load_site
from quads_tui.rollout.stages import Kind

from .foreman_bench import HOST, open_bench


@pytest.mark.parametrize(
    ("line", "kind"), [("spare_pool: cloud02", Kind.SPARE), ("spare_pool: cloud09", Kind.BUILD), ("", Kind.BUILD)]
)
async def test_hosts_of_the_sites_own_spare_pool_are_powered_off_only(tmp_path: Path, line: str, kind: Kind) -> None:
    async with open_bench() as bench:
        account = "username: admin, password: {env: P}, tls: {verify: false}"
        path = tmp_path / "site.yaml"
        redfish = f"redfish: {{address: 'https://mgmt-{{host}}', {account}}}"
        path.write_text(f"foreman: {{url: '{bench.url}', {account}}}\n{redfish}\n{line}\n")
        bench.site = replace(load_site(path), foreman=bench.site.foreman)
        plan = await bench.plan((HOST,), "RHEL Local", True, {})
        assert [plan.goal(host).kind for host in plan.hosts] == [kind]
        assert not plan.refusals
