"""What Foreman must allow before a rollout can write: permissions, organizations and locations, tokens that live long enough."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from quads_tui.rollout.causes import StageFailure
from quads_tui.rollout.counts import count
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.identity import some
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import Goal, HostPlan
from quads_tui.rollout.stages import Kind
from quads_tui.services.foreman import Foreman, UserRecord


async def missing_permissions(goals: Sequence[Goal], parameters: bool, foreman: Foreman) -> list[str]:
    """One refusal that names all permissions that our user lacks for any host."""
    kinds = {goal.kind for goal in goals}
    builds = [goal for goal in goals if goal.kind is Kind.BUILD]
    seen = {"hosts": "view_hosts"}  # collections that are read, and the permission for each
    if kinds != {Kind.SPARE}:
        seen["users"] = "view_users"
    for member, path in (("os", "operatingsystems"), ("ptable", "ptables"), ("medium", "media")):
        if any(getattr(goal, member) for goal in builds):
            seen[path] = f"view_{path}"
    granted = await foreman.granted()
    if granted is None:  # then each collection is tried; permissions to write are checked with the first host
        missing = [name for path in seen for name in await foreman.lacking_for(path)]
        return _lacking(missing)
    wanted = {*seen.values()} | ({"edit_hosts"} if kinds != {Kind.SPARE} else set()) | ({"build_hosts"} if builds else set())
    if builds and parameters:
        wanted |= {"view_params", "create_params", "edit_params"}
    return _lacking(wanted - granted)


async def missing_on(host: HostPlan, kind: Kind, foreman: Foreman) -> list[str]:
    """As missing_permissions, for one host of many: a role may be limited to other hosts."""
    wanted = ("edit_hosts", "build_hosts") if kind is Kind.BUILD else ("edit_hosts",)
    return _lacking(await foreman.missing_permissions(host.name, wanted), f" on {host.name}")


def _lacking(names: Iterable[str], where: str = "") -> list[str]:
    missing = sorted(set(names))
    if not missing:
        return []
    return [f"our Foreman user lacks {'the permissions' if len(missing) > 1 else 'the permission'} {', '.join(missing)}{where}"]


async def misplaced_owners(
    hosts: Iterable[HostPlan], records: Mapping[str, HostRecord], users: Mapping[str, UserRecord], foreman: Foreman
) -> list[str]:
    """Refusals: owners who are not in the organization or the location of their hosts, so that Foreman takes no write (422)."""
    apart: dict[tuple[str, str, int, str], list[str]] = defaultdict(list)
    for host in hosts:
        record, owner = records.get(host.name), users.get(host.cloud)
        if record is None or owner is None or owner.admin or host.blocker:
            continue
        for kind, place, theirs in (
            ("organization", record.organization, owner.organizations),
            ("location", record.location, owner.locations),
        ):
            if place is not None and theirs is not None and place[0] not in theirs:
                apart[owner.login, kind, *place].append(host.name)
    refusals = []
    above = {kind: await foreman.parents(f"{kind}s") for kind in {key[1] for key in apart}}
    for (login, kind, number, name), there in sorted(apart.items()):
        theirs = (users[login].organizations if kind == "organization" else users[login].locations) or {}
        if above[kind].get(number, frozenset()) & set(theirs):
            continue  # who is in a parent is in its children too
        refusals.append(
            f"the Foreman user {login} is not in the {kind} {name} of {count(len(there), 'host')} ({some(there)}): Foreman would "
            "refuse every write to them (422). "
            f"The user's {kind}s: {', '.join(theirs.values()) or 'none'}. Add {name} to that user"
        )
    return refusals


async def short_tokens(foreman: Foreman, limits: Limits) -> list[str]:
    """A warning where build tokens expire before the install deadline."""
    try:
        life = await foreman.token_seconds()
    except StageFailure:
        return []
    if not life or life >= limits.install:
        return []
    return [
        f"build tokens are valid for {life / 60:.0f} min (Foreman setting token_duration), but an install may take "
        f"{limits.install / 60:.0f} min (limits.install): an install that outlives its token fails"
    ]
