"""The breaks that tests must notice. A row whose text is no longer in its module exactly once is stale: bring it to the code as it is.

Cases: I1 to I8 are the invariants (tests/engine/schedules.py), U1 to U28 holes that were found in the tests by random breaks and
closed, A1 to A4 what tells machines apart, O1 to O8 outages and limits at the gate, R1 to R4 repairs, C1 to C7 the place that
machines share, K1 to K4 writes on kept connections and what the survey has read. Rows may share a case.
"""

from __future__ import annotations

from dataclasses import dataclass

from .bench import Copy
from .sample import source

FLOW = "tests/engine/test_flow.py"
LANE = "tests/engine/test_lane.py"
GATE = "tests/engine/test_gate.py"
FIRST = "tests/engine/test_first_write.py"
REFUSALS = "tests/rollout/test_refusals.py"
RESUME = "tests/engine/test_resume.py"
IDENTITY = "tests/engine/test_identity.py"
UNVERIFIED = "tests/engine/test_unverified.py"
IDENTITIES = "tests/rollout/test_identity.py"
WAYS_OUT = "tests/engine/test_ways_out.py"
RESUMED = "tests/engine/test_resumed.py"
SETTLED = "tests/engine/test_settled_writes.py"
LOOKS = "tests/engine/test_shared_looks.py"
HIDDEN = "tests/engine/test_hidden_outcomes.py"
ORDER = "tests/engine/test_host_order.py"
SHARED_LANE = "tests/engine/test_lane_shared.py"
INPUTS = "tests/inputs/test_wrong_inputs.py"
BOUNDS = "tests/services/redfish/test_bounds.py"
WAITING = "tests/services/redfish/test_waiting.py"
ENDLESS = "tests/services/redfish/test_endless.py"
LADDERS = "tests/services/redfish/test_ladders.py"
FOREMAN = "tests/services/test_foreman_reads.py"
REPAIRS = "tests/engine/test_repairs.py"
REPAIR_CRASHES = "tests/engine/test_repair_crashes.py"
MEMBERS = "tests/services/redfish/test_members.py"
PEERS = "tests/services/redfish/test_peers.py"
PLACES = "tests/engine/test_gate_places.py"
LANE_STATE = "tests/engine/test_lane_state.py"
UNSENT = "tests/engine/test_unsent_writes.py"
TIMELINE = "tests/engine/test_timeline.py"
RECALLED = "tests/engine/test_recalled.py"
ORDERS = "tests/engine/test_orders.py"
EXECUTOR = "tests/engine/test_executor.py"
ATTEMPTS = "tests/engine/test_attempts.py"
TIME_LIMIT = "tests/engine/test_time_limit.py"
INSTALL_END = "tests/engine/test_install_end.py"
CANARY = "tests/engine/test_canary.py"
CANARIES = "tests/rollout/test_canary.py"
OUTAGES = "tests/engine/test_outages.py"
HOLDS = "tests/engine/test_holds.py"
SHARED_PLACE = "tests/engine/test_shared_place.py"
BREAKER = "tests/rollout/test_breaker.py"
KEPT = "tests/services/test_kept_connections.py"
TRAFFIC = "tests/services/redfish/test_traffic.py"
SURVEYED = "tests/services/redfish/test_surveyed.py"


@dataclass(frozen=True, slots=True)
class Mutant:
    """In `module` (a path below quads_tui) `old` stands exactly once; with `new` there, one of `tests` must fail."""

    case: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def change(self) -> str:
        return f"{self.old.strip()!r} -> {self.new.strip()!r}"

    def noticed(self, copy: Copy, timeout: float) -> str:
        """What noticed it, in words; empty: it survived."""
        with copy.broken(self.module, copy.text(self.module).replace(self.old, self.new)):
            return copy.test(self.tests, timeout=timeout).noticed


def stale(row: Mutant) -> str:
    """Why the row cannot be used, in words; empty: it can."""
    try:
        count = source(row.module).count(row.old)
    except FileNotFoundError:
        return "there is no such module"
    if count == 1:
        return ""
    return f"its text is there {count} times: {row.old.strip().splitlines()[0]}"


def _row(case: str, module: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(case, module, old, new, tests)


_INVARIANTS = (
    _row("I1 protected", "engine/gate.py", "if host in self._protected:", "if False:", GATE, FLOW),
    _row("I1 in the plan", "engine/gate.py", "if host not in self._kinds:", "if False:", GATE),
    _row("I2 shielded", "engine/lane.py", "return await asyncio.shield(carrier)", "return await carrier", LANE),
    _row("I2 width", "engine/write_queue.py", "while free > 0 and", "while free >= 0 and", LANE),
    _row("I2 one a host", "engine/write_queue.py", "if waiter.host in busy or (self.held", "if (self.held", LANE),
    _row(
        "I2 sent when",
        "engine/resumption.py",
        "lane.adopt_in_flight(name, intent.act, self._sent_at(intent.moment))",
        "lane.adopt_in_flight(name, intent.act, -1e9)",
        RESUME,
    ),
    _row("I2 absent", "engine/lane.py", "over = unknown.server_done or ended", "over = True", LANE),
    _row("I3 adopted", "engine/host_stages.py", "if await self.writes.adopted(self.acts):", "if False:", SETTLED),
    _row("I4 installed", "engine/host_stages.py", "if not is_installed(record, memory.baseline):", "if False:", FLOW),
    _row(
        "I4 later than ours", "engine/host_stages.py", "record.installed_at > baseline", "record.installed_at >= baseline", FLOW
    ),
    _row(
        "I4 to the end",
        "engine/resumption.py",
        "for name in fresh:\n            self.tasks.launch(name)",
        "for name in ():\n            self.tasks.launch(name)",
        RESUME,
    ),
    _row(
        "I4 goes on",
        "engine/resumption.py",
        '            self.tasks.launch(host.name, delay, "its BMC may not show the effect of the last reset yet")\n',
        "",
        RESUME,
    ),
    _row(
        "I5 booted is watched",
        "engine/flow.py",
        "if memory.booted:\n            memory.start =",
        "if False:\n            memory.start =",
        RESUME,
    ),
    _row("I5 a reset shows late", "engine/resumption.py", "_RESET_SHOWS = 40.0", "_RESET_SHOWS = 0.0", RESUME),
    _row("I8 skip and hold", "engine/gate.py", "if not disarming and host in self._excluded:", "if False:", GATE),
    _row("O1 writes while Foreman is away", "engine/write_queue.py", "(self.held and waiter.act != _SAFE)", "False", OUTAGES),
    _row("O1 what makes safe waits too", "engine/write_queue.py", "(self.held and waiter.act != _SAFE)", "self.held", OUTAGES),
    _row(
        "O2 new hosts while it is away",
        "engine/gate.py",
        "        if why := self._holds.why(host, stage):\n",
        '        if why := "":\n',
        OUTAGES,
        HOLDS,
    ),
    _row(
        "O3 attempts count",
        "engine/flow.py",
        "lost <= limits.rack_outage and self._ports.outages.explains(self._host, failure, began)",
        "False",
        OUTAGES,
    ),
    _row(
        "O3 never ends", "engine/outages.py", "if clock.now() - breaker.since > self._limits.rack_outage:", "if False:", OUTAGES
    ),
    _row(
        "O4 held with a place",
        "engine/gate.py",
        "if host in self._places and not self._hindrance(host, self._again[host][0]):",
        "if False:",
        OUTAGES,
    ),
    _row("O5 nobody tries", "engine/outages.py", "        if not closed:\n            self._look()\n", "", OUTAGES),
    _row("O6 all try at once", "engine/outages.py", "rack.tries % 2 == 0", "True", OUTAGES),
    _row("O7 ramp", "engine/holds.py", "taken is None or len(taken) < self._ramp", "True", HOLDS),
    _row(
        "O7 ramp wakes nobody",
        "engine/gate.py",
        "call_later(self._clock.real(soon), self._let_on)",
        "call_later(86400.0, self._let_on)",
        HOLDS,
    ),
    _row("O8 as often as ever", "rollout/breaker.py", "        self._tries += 1\n", "", BREAKER),
    _row("O8 no trial", "rollout/breaker.py", "self._left = min(1.0, self._budget)", "self._left = self._budget", BREAKER),
)

_HOLES = (
    # Wrong machine, wrong act
    _row("U1 spare pool", "inputs/site_file.py", "replace(site, warnings=", 'replace(site, spare_pool="cloud01", warnings=', INPUTS, "tests/services/test_spare_pool.py"),
    _row("U1 spare pool's default", "inputs/site.py", 'spare_pool: str = "cloud01"', 'spare_pool: str = ""', INPUTS),
    _row("U2 one BMC, in a file", "inputs/assignment.py", 'if there and (system_key(system) in there or "" in (system_key(system), *there)):', "if False:", INPUTS),
    _row("U2 one BMC, unnamed system", "inputs/assignment.py", 'if there and (system_key(system) in there or "" in (system_key(system), *there)):', "if there and system_key(system) in there:", INPUTS),
    _row("U2 one BMC, in addresses", "inputs/site_file.py", "if address in owners:", "if False:", INPUTS),
    _row("U2 remembered", "inputs/site_file.py", "owners[address] = name", "pass", INPUTS),
    _row("U3 another cloud", "inputs/assignment_file.py", "wanted is not None and wanted != cloud:", "False:", INPUTS),
    _row("U3 no cloud", "inputs/assignment_file.py", "if cloud is not None and not CLOUD.fullmatch(cloud):", "if False:", INPUTS),
    _row("U4 protected name", "inputs/readers.py", "section.report.add(node.line, path, f'\"{(text or \"\")[:80]}\" {error}')", "pass", INPUTS),
    _row("U4 protected spelling", "inputs/readers.py", "names |= {host_name(text)} if text", "names |= {host_name(text) and text} if text", INPUTS),
    _row("U5 not booting", "engine/flow.py", "or self._memory.built_at is None:\n            return False", "or self._memory.built_at is None:\n            return True", WAYS_OUT),
    _row("U5 silent BMC", "engine/flow.py", "return not await self._look_for_off()\n        except (StageFailure, Held):\n            return False", "return not await self._look_for_off()\n        except (StageFailure, Held):\n            return True", WAYS_OUT),
    _row("U5 only in power on", "engine/flow.py", "if self._memory.start is not Stage.POWER_ON or", "if self._memory.start is Stage.POWER_ON or", WAYS_OUT),
    _row("U6 verified too soon", "rollout/refusals.py", "if kind is self._leading and stage is kind.proof:", "if kind is self._leading:", REFUSALS),
    _row("U6 verified by an owner", "rollout/refusals.py", "if kind is self._leading and stage is kind.proof:", "if stage is kind.proof:", REFUSALS, FIRST),
    _row("U6 never verified", "rollout/refusals.py", "            self.first_write_verified = True", "            pass", REFUSALS, RESUMED),
    _row("B1 places are kept", "engine/gate.py", "if host != self._writing and host not in self._kept:", "if host != self._writing:", FIRST),
    _row("B1 kept over a resume", "engine/breakers.py", "if not hosts[name].status.is_final or keeps(name)]", "if not hosts[name].status.is_final]", RESUMED),
    _row("B1 three places", "engine/gate.py", "min(self._ahead(), FIRST)", "self._ahead()", GATE, FIRST),
    _row("B1 one write", "engine/gate.py", 'self._writing not in ("", host):', "False:", GATE, FIRST),
    _row("B1 turns go round", "engine/gate.py", "min(turns, key=self._had_turn.__contains__)", "turns[0]", PLACES),
    _row("B1 retries behind", "engine/gate.py", "return queue is self._again, True, rack in here", "return False, True, rack in here", GATE),
    _row("B1 named", "engine/gate.py", "if self._order.is_named(host):", "if False:", ORDER),
    _row("B1 racks", "engine/gate.py", "rack in here, self._tried[rack], model", "model", GATE),
    _row("B1 models", "engine/gate.py", ", model in here, self._tried[model]", "", GATE),
    _row("B1 models are held", "engine/gate.py", "if model in self._held:", "if False:", GATE, FIRST),
    _row("B1 canary", "engine/gate.py", "if why := self._canary(host):", "if False:", CANARY),
    _row("B1 two canaries", "rollout/canary.py", "len(self.failed.keys() - self.accepted) >= TRIES", "len(self.failed.keys() - self.accepted) > TRIES", CANARIES),
    _row("B1 one canary at a time", "rollout/canary.py", "len(self.live) + len(self.built) >= self.wanted", "len(self.live) + len(self.built) > self.wanted", CANARIES),
    _row("B1 canary asked for after a crash", "engine/resumption.py", "        self.canaries.resume()\n", "", CANARY),
    _row("B1 canary of another rack", "engine/canary.py", "(_SAME_RACK if again else 0.0)", "0.0", CANARY),
    _row("B1 overdue canary", "engine/canary.py", "            self._watch(event.host)\n", "            pass\n", CANARY),
    _row("B1 canary lifted", "engine/canary.py", "if what in (ADMISSION, group.pause)]", "if what == group.pause]", CANARY),
    _row("B1 time limit", "engine/gate.py", "if self._limit is not None and self._limit.is_late(host):", "if False:", TIME_LIMIT),
    _row("B1 time limit, last look", "engine/executor.py", "(self._stands and not self.gate.reconsider())", "False", TIME_LIMIT),
    _row("B1 time limit, learned", "engine/gate.py", "            self._limit.refresh()", "            pass", TIME_LIMIT),
    _row("B1 the second host", "rollout/refusals.py", "if len(hosts) >= SAME and (", "if len(hosts) > SAME and (", REFUSALS),
    _row("B1 any three", "rollout/refusals.py", ">= self.first:", "> self.first:", REFUSALS, FIRST),
    _row("B1 fewer than three", "engine/breakers.py", "rollout.refusals.first = min(rollout.refusals.first, cap or rollout.refusals.first)", "pass", FIRST),
    _row("B1 lifted", "rollout/refusals.py", "if not self.first_write_verified and key not in self._accepted:", "if not self.first_write_verified:", REFUSALS),
    _row("B1 five more", "rollout/refusals.py", "for host in self._failed[key] if host not in known]", "for host in self._failed[key]]", REFUSALS),
    _row("B1 racks count once", "rollout/refusals.py", "if rack_wise else list(hosts)", "if False else list(hosts)", REFUSALS),
    _row("B1 told by the plan", "rollout/refusals.py", "if last is None or host in self._planned_failures or", "if last is None or", REFUSALS),
    _row("B1 waits for a human", "engine/executor.py", "self.gate.waits(name) or (lane", "(lane", FIRST),
    _row("U7 done is done", "engine/commands.py", "if status is None or status is HostStatus.DONE or self.gate.stopping:", "if status is None or self.gate.stopping:", WAYS_OUT),
    _row("U7 skip and hold", "engine/resumption.py", 'Skipped if order.order == "skip" else Held, order.reason', 'Skipped if order.order != "skip" else Held, order.reason', RESUMED),
    _row("U8 hooks of a cloud", "engine/resume_state.py", "if event.cloud and event.ok:", "if False:", RESUMED),
    _row("U8 failed hooks", "engine/resume_state.py", "if event.cloud and event.ok:", "if event.cloud:", RESUMED),
    _row("U8 handed on", "engine/executor.py", "done=frozenset(recalled.cloud_hooks),", "done=frozenset(),", RESUMED),
    # Double write, the lane
    _row("U9 shut for all", "engine/write_queue.py", "if handle.paused or handle.left or self.barrier:", "if handle.paused or handle.left or handle.barrier:", SHARED_LANE),
    _row("U9 leaves in flight", "engine/write_queue.py", "return bool(self.in_flight or self.shut)", "return bool(self.shut)", SHARED_LANE),
    _row("U9 leaves shut", "engine/write_queue.py", "return bool(self.in_flight or self.shut)", "return bool(self.in_flight)", SHARED_LANE),
    _row("U9 leaves for good", "engine/lane.py", "await self._clock.sleep(self._write_deadline)", "await asyncio.Event().wait()", SHARED_LANE),
    _row("U9 leaves, others go on", "engine/write_queue.py", "self._handles.remove(handle)\n            self.grant_after(handle)", "self._handles.remove(handle)", SHARED_LANE),
    _row("I2 patience", "engine/lane.py", "> self._patience:", "> inf:", SETTLED),
    _row("I2 odd, and not over", "engine/lane.py", "if seen is Probe.ODD and ended else 0", "if seen is Probe.ODD else 0", LANE_STATE),
    _row("I2 odd in a row", "engine/lane.py", "if seen is Probe.ODD and ended else 0", "if seen is Probe.ODD and ended else odd", LANE_STATE),
    _row("I2 odd once", "engine/lane.py", "if odd >= _ODD_LOOKS:", "if odd:", LANE_STATE),
    _row("I2 odd, then away", "engine/lane.py", "if not odd:", "if True:", LANE_STATE),
    _row("I2 hidden, and resumed", "engine/flow.py", "if memory.unread:\n            raise", "if False:\n            raise", HIDDEN),
    _row("I2 hidden, and remembered", "engine/writes.py", "self._memory.unread = True", "pass", HIDDEN),
    _row("I2 hidden, and in build", "engine/writes.py", 'self._memory.left_in_build |= act == "build"\n        self._remember()\n        acts.result(ActResult.UNKNOWN', 'self._remember()\n        acts.result(ActResult.UNKNOWN', HIDDEN),
    _row("I2 gone, and still unknown", "engine/lane.py", 'self._handle.shut = f"the result of the write for {ticket.host} is unknown"', "pass", SHARED_LANE),
    _row("U9 settling cut off", "engine/lane.py", 'self._handle.shut = f"the result of the write for {place.host} is unknown"', "pass", SHARED_LANE),
    _row("U9 write cut off", "engine/lane.py", 'self._handle.shut = f"the write for {ticket.host} was interrupted before its result was known"', "pass", SHARED_LANE),
    _row("U9 cancel at the grant", "engine/write_queue.py", "self.release(place.result())", "pass", SHARED_LANE),
    _row("U9 another ticket", "engine/lane.py", 'raise TypeError("a ticket of another lane")', "return", SHARED_LANE),
    _row("U10 write deadline", "engine/context.py", "write_deadline=context.limits.write_deadline,", "", SETTLED),
    _row("U11 at work", "services/foreman/reads.py", "if tasks & _AT_WORK:", "if False:", FOREMAN),
    _row("U11 not shown", "services/foreman/reads.py", "if record is None:\n            return await self._odd(name)", "if record is None:\n            return Probe.ABSENT", FOREMAN),
    _row("U11 odd for all", "services/foreman/reads.py", "if not witness or await self.host(witness) is None:", "if False:", FOREMAN),
    _row("U11 odd, or away", "services/foreman/reads.py", "not isinstance(why, Unreadable) and why.status not in _HIDES:", "False:", FOREMAN),
    _row("U11 pending", "services/foreman/reads.py", '_AT_WORK = frozenset({"pending", "running"})', '_AT_WORK = frozenset({"running"})', FOREMAN),
    _row("U11 taken back", "services/foreman/reads.py", "return bool(tasks & _TAKEN_BACK) and not tasks & _AT_WORK", "return bool(tasks & _TAKEN_BACK)", FOREMAN),
    _row("U11 unreadable parameter", "services/foreman/reads.py", "except StageFailure as why:\n            return await self._odd(host, why)", "except StageFailure:\n            return Probe.ABSENT", FOREMAN),
    _row("U12 parameter by a read", "engine/writes.py", "return await ports.foreman.probe_parameter(self._host, name, value)", "return Probe.ABSENT", SETTLED),
    _row("U12 parameter after a kill", "engine/writes.py", 'return await ports.foreman.probe_parameter(self._host, detail["name"], detail["value"])', "return Probe.ABSENT", SETTLED),
    _row("U12 build not as asked", "engine/writes.py", 'if not record.has(wanted):\n            raise StageFailure(Cause.FOREMAN, _NOT_AS_WRITTEN', 'if False:\n            raise StageFailure(Cause.FOREMAN, _NOT_AS_WRITTEN', SETTLED),
    _row("U12 cancel not as asked", "engine/writes.py", 'if not record.has(wanted):\n            raise StageFailure(\n                Cause.FOREMAN, "Foreman accepted the canc', 'if False:\n            raise StageFailure(\n                Cause.FOREMAN, "Foreman accepted the canc', SETTLED),
    _row("U12 lost PXE files", "engine/writes.py", "        except StageFailure:\n            return True", "        except StageFailure:\n            return False", SETTLED),
    # Dark or lost hosts, wrong stop
    _row("U13 Foreman away", "engine/flow.py", "away = asked and failure.cause in", "away = failure.cause in", WAYS_OUT),
    _row("U13 and/or", "engine/flow.py", "away = asked and failure.cause in", "away = asked or failure.cause in", WAYS_OUT),
    _row("U14 expired token", "engine/writes.py", "record.has(wanted) and record.build_status == 1:", "record.has(wanted):", SETTLED),
    _row("U14 not as wanted", "engine/writes.py", "if record is not None and record.has(wanted) and record.build_status == 1:", "if record is not None and record.build_status == 1:", SETTLED),
    _row("U14 forgotten", "engine/writes.py", "memory.forget_build()\n        memory.pxe_lost = False\n        self._remember()\n        return False", "return False", SETTLED),
    _row("U15 built meanwhile", "engine/flow.py", "elif is_installed(record, memory.baseline) or not await self._is_off():", "elif not await self._is_off():", RESUMED),
    _row("U15 booted meanwhile", "engine/flow.py", "elif is_installed(record, memory.baseline) or not await self._is_off():", "elif is_installed(record, memory.baseline):", RESUMED),
    _row("U15 cancelled meanwhile", "engine/flow.py", "memory.start, memory.built_at = first, None", "memory.start = first", RESUMED),
    _row("U15 begun anew", "engine/flow.py", "memory.start, memory.built_at = first, None", "memory.built_at = None", RESUMED),
    _row("U15 in build", "engine/flow.py", "if record.build is not False:", "if False:", RESUMED),
    _row("U15 Foreman away", "engine/flow.py", 'raise ServiceGone(f"Foreman cannot be read: {failure.reason}") from None', "raise", RESUMED),
    _row("U15 host gone", "engine/flow.py", "            raise await self._ended_in(self._memory.start, gone)\n", "", RESUMED),
    _row("U16 missing host", "engine/build_watch.py", "return record is not None and record.build is False", "return record.build is False", LOOKS),
    _row("U16 still in build", "engine/build_watch.py", "return record is not None and record.build is False", "return record is not None", LOOKS),
    _row("U16 told once", "engine/build_watch.py", "if failure.reason != trouble:", "if True:", LOOKS),
    _row("U16 told", "engine/build_watch.py", "trouble = failure.reason\n                    self._on_trouble(trouble)", "trouble = failure.reason", LOOKS),
    _row("U16 well again", "engine/build_watch.py", 'trouble = ""\n                    self._on_trouble(trouble)', 'trouble = ""', LOOKS),
    _row("U16 well again, once", "engine/build_watch.py", 'if trouble and not self._spared:\n                    trouble = ""', 'if trouble and not self._spared:\n                    pass', LOOKS),
    _row("U16 credentials", "engine/build_watch.py", "self._on_refused(refused)\n                return", "return", WAYS_OUT),
    _row("U16 credentials, settling", "engine/resumption.py", "await writes.settle(intent, place)\n        except (JournalBroken, CredentialsRefused) as why:\n            self.on_safety(why)", "await writes.settle(intent, place)\n        except (JournalBroken, CredentialsRefused):\n            pass", SETTLED),
    # U17 is without effect: a host's name never has two tasks.
    _row("U18 under way", "engine/executor.py", "            await asyncio.wait(running, timeout=_GRACE)\n", "            pass\n", WAYS_OUT),
    _row("U18 who is under way", "engine/executor.py", "*self._resumption.endings) if not task.done()]", "*self._resumption.endings) if task.done()]", WAYS_OUT),
    _row("U18 queue", "engine/executor.py", "            self.lane.withdraw(name, Stopping())\n", "            pass\n", WAYS_OUT),
    _row("U18 sessions", "engine/executor.py", "        await asyncio.gather(*left, return_exceptions=True)\n", "", WAYS_OUT),
    _row("U18 stop", "engine/executor.py", "        self.gate.stop()\n", "", WAYS_OUT),
    _row("U19 build_status", "engine/host_stages.py", "if record.build_status != 0:", "if False:", WAYS_OUT),
    # BMCs: lock-out, bounds
    _row("U20 no Reset", "services/redfish/power.py", "if not system.reset_target:", "if False:", BOUNDS),
    _row("U20 lost Resets", "services/redfish/power.py", "if self._lost >= _MOST_LOST:", "if False:", BOUNDS),
    _row("U20 lost Resets, count", "services/redfish/power.py", "if self._lost >= _MOST_LOST:", "if self._lost > _MOST_LOST:", BOUNDS),
    _row("U20 refused Resets", "services/redfish/power.py", "if self._refused > _MOST_REFUSED:", "if False:", BOUNDS),
    _row("U20 refused Resets, count", "services/redfish/power.py", "if self._refused > _MOST_REFUSED:", "if self._refused >= _MOST_REFUSED:", BOUNDS),
    _row("U20 TLS at a Reset", "services/redfish/power.py", 'elif error.kind is FailureKind.TLS:', "elif False:", BOUNDS),
    _row("U20 not sent", "services/redfish/power.py", "self._wait_on(error.reason, None)", "pass", BOUNDS),
    _row("U20 PATCHes", "services/redfish/settings_patch.py", "if self.sent >= self._most or self._clock.now() > self._deadline:", "if self._clock.now() > self._deadline:", BOUNDS),
    _row("U20 PATCHes, deadline", "services/redfish/settings_patch.py", "if self.sent >= self._most or self._clock.now() > self._deadline:", "if self.sent >= self._most:", BOUNDS),
    _row("U20 TLS at a PATCH", "services/redfish/settings_patch.py", 'if error.kind is FailureKind.TLS:', "if False:", BOUNDS),
    _row("U20 PATCH cut off", "services/redfish/settings_patch.py", 'acts.result(ActResult.UNKNOWN, {"error": "interrupted"})\n            raise', "raise", BOUNDS),
    _row("D9 no number", "services/responses.py", "return MIN_RETRY_AFTER if seconds is None else seconds", "return 0.0 if seconds is None else seconds", WAITING),
    _row("D9 least", "services/responses.py", "bounded(value, MIN_RETRY_AFTER, MAX_RETRY_AFTER)", "bounded(value, 0.0, MAX_RETRY_AFTER)", WAITING),
    _row("D9 most", "services/responses.py", "bounded(value, MIN_RETRY_AFTER, MAX_RETRY_AFTER)", "bounded(value, MIN_RETRY_AFTER, 1e12)", WAITING),
    _row("D9 count", "services/redfish/listing.py", "int(bounded(document.get(name), 0, _MOST_COUNTED) or 0)", "int(document.get(name) or 0)", ENDLESS),
    _row("D10 deadline", "services/redfish/connection.py", "if seconds > _LONGEST_WAIT or clock.now() + seconds * clock.speed > deadline:", "if seconds > _LONGEST_WAIT:", WAITING),
    _row("D10 stage", "services/redfish/connection.py", "if seconds > _LONGEST_WAIT or clock.now() + seconds * clock.speed > deadline:", "if clock.now() + seconds * clock.speed > deadline:", WAITING),
    _row("D10 heard", "services/redfish/connection.py", "if refusal.after is not None:\n            self._http", "if False:\n            self._http", WAITING),
    _row("D10 by its address", "services/redfish/connection.py", ".not_before.hear((self._name, answer.peer)", ".not_before.hear((self._name,)", WAITING),
    _row("D10 not sent", "services/redfish/connection.py", "        await self._not_yet()\n", "", WAITING),
    _row("D10 short wait", "services/redfish/connection.py", "if clock.now() + seconds * clock.speed > ends:", "if False:", WAITING),
    _row("D10 reads wait", "services/redfish/connection.py", "        await self._connection.leave_alone(self._deadline)\n", "        pass\n", WAITING),
    _row("D10 choosing waits", "services/redfish/system.py", "                await self.connection.leave_alone(deadline, failure)\n", "", WAITING),
    _row("D11 pages", "services/redfish/listing.py", "len(seen) >= _MOST_PAGES or not more()", "not more()", ENDLESS),
    _row("D11 time for pages", "services/redfish/listing.py", "len(seen) >= _MOST_PAGES or not more()", "len(seen) >= _MOST_PAGES", ENDLESS),
    _row("D11 reads", "services/redfish/nics.py", "return self._reads < _MOST_READS and", "return", ENDLESS),
    _row("D11 time for NICs", "services/redfish/nics.py", "_MOST_READS and self._connection.clock.now() <= self._ends", "_MOST_READS", ENDLESS),
    _row("D11 time for systems", "services/redfish/system.py", "        for number, path in enumerate(paths):\n            if self.connection.clock.now() > ends:", "        for number, path in enumerate(paths):\n            if False:", ENDLESS),
    _row("D1 for this request", "services/redfish/connection.py", "if reads and answer.status in _LASTING:", "if reads:", "tests/services/redfish/test_session.py"),
    _row("D1 in a circle", "services/redfish/connection.py", "or done or at in asked or", "or done or", WAITING),
    _row("U20 no use in waiting", "services/redfish/connection.py", "if not failure.retryable:\n            raise failure", "if False:\n            raise failure", BOUNDS),
    _row("U20 401", "services/redfish/failures.py", "if refusal.status == 401:", "if False:", BOUNDS),
    _row("U20 password to be changed", "services/redfish/failures.py", "if refusal.means(Meaning.PASSWORD_CHANGE):", "if False:", BOUNDS),
    _row("U20 TLS", "services/redfish/failures.py", 'retryable=error.kind is not FailureKind.TLS)', "retryable=True)", BOUNDS),
    _row("U20 Basic in front", "services/redfish/login.py", "ways = [BASIC] if guessed or _offers_basic(answer) else [way]", "ways = [way]", BOUNDS),
    _row("U20 Basic in front counts", "services/redfish/login.py", "                if not guessed:\n", "                if False:\n", BOUNDS),
    _row("D2 ladders: refused password, count", "services/redfish/learned.py", "return self.refusals >= MOST_REFUSALS", "return self.refusals > MOST_REFUSALS", LADDERS),
    _row("D2 ladders: one login at a time", "services/redfish/login.py", "async with learned.logging_in:", "if True:", LADDERS),
    _row("D2 ladders: guessed place", "services/redfish/login.py", "guessed = bool(self.collection) and way", "guessed = False and way", LADDERS),
    _row("D2 ladders: two names", "services/redfish/learned.py", "self._by_bmc[bmc] = now", "pass", LADDERS),
    _row("D2 ladders: logout believed", "services/redfish/session.py", "if not gone and await self._is_gone(path, headers, answer, own=own):", "if not gone and (answer.ok or await self._is_gone(path, headers, answer, own=own)):", LADDERS),
    _row("D2 ladders: bare tag", "services/redfish/quirks.py", "                return bare\n", "                return etag\n", LADDERS),
    _row("D2 ladders: learned way", "services/redfish/learned.py", "return sorted(listed, key=lambda way: way != worked)", "return listed", LADDERS),
    _row("D2 ladders: lasting override", "services/redfish/boot.py", 'lasting = "continuous" in listed and', "lasting = False and", LADDERS),
    _row("D2 ladders: stuck state", "services/redfish/power.py", "_STUCK = 50.0", "_STUCK = 100.0", LADDERS),
    _row("D2 ladders: button at first sight", "services/redfish/power.py", "or self._clock.now() < self._seen[1] + _SURE", "or False", LADDERS),
    _row("D2 ladders: restart as off", "services/redfish/quirks.py", '"ForceOff": ("GracefulShutdown", BUTTON),', '"ForceOff": ("GracefulShutdown", "PowerCycle", BUTTON),', LADDERS),
    _row("U20 mode repeated", "services/redfish/boot.py", "return ways if full or not self._mode else", "return ways if True else", BOUNDS),
    _row("U20 no mode", "services/redfish/boot.py", "return ways if full or not self._mode else", "return ways if full else", BOUNDS),
    # Words
    _row("U21 failed event", "engine/flow.py", "        self._end(stage, attempt, StageStatus.FAILED, 0.0, failure.reason, failure)\n", "", WAYS_OUT),
    _row("U21 owner", "engine/host_stages.py", "if not record.has(self._goal.target.attributes()):", "if False:", WAYS_OUT),
    _row("U21 silent is armed", "engine/flow.py", ".pxe_armed()\n        except (StageFailure, Held):\n            return True", ".pxe_armed()\n        except (StageFailure, Held):\n            return False", WAYS_OUT),
    _row("U21 not safe", "engine/flow.py", "safety=safety, not_disarmed=trouble)", "safety=safety)", WAYS_OUT),
    _row("U21 hidden is not off", "engine/flow.py", "if trouble or memory.unread:", "if trouble:", HIDDEN),
    _row("U21 unknown is not off", "engine/flow.py", "if trouble or memory.unread:", "if memory.unread:", WAYS_OUT),
    _row("U21 installing is not disarmed", "engine/flow.py", "Safety.INSTALLING if memory.in_build else Safety.UNKNOWN", "Safety.UNKNOWN", WAYS_OUT),
    _row("U21 why not", "engine/flow.py", "trouble = failure.reason\n", 'trouble = ""\n', WAYS_OUT),
    _row("U21 protected", "engine/flow.py", "trouble = str(no)", 'trouble = ""', RESUMED),
    _row("U21 not disarmed", "engine/commands.py", 'self.ports.notice("warning", f"{name} could not be disarmed completely: {trouble}")', "pass", WAYS_OUT),
    _row("U21 skipped meanwhile", "engine/commands.py", "if self.gate.is_excluded(name):", "if False:", WAYS_OUT),
    _row("U21 no rate yet", "rollout/forecast.py", 'a minute" if rate else f"{remaining.writes_left} left"', 'a minute"', "tests/rollout/test_forecast_bound.py"),
    _row("U21 why it waits", "engine/gate.py", "            self._say(host, why)\n        else:", "            pass\n        else:", GATE),
    _row("U22 spare pool", "inputs/readers.py", "if text is None or self.pattern is None or self.pattern.fullmatch(text):", "if True:", INPUTS),
    _row("U22 /api", "inputs/site_file.py", 'if re.search(r"/api(/v2)?$", values.get("url", "")):', "if False:", INPUTS),
    _row("U22 old_tls", "inputs/site_file.py", 'if _tls(values).kind in ("fingerprint", "first_use"):', "if False:", INPUTS),
    _row("U22 old_tls, first_use", "inputs/site_file.py", '_tls(values).kind in ("fingerprint", "first_use"):', '_tls(values).kind in ("fingerprint",):', INPUTS),
    _row("U22 check_macs", "inputs/site_file.py", 'if unchecked := values.get("check_macs"):', 'if unchecked := ():', INPUTS),
    _row("U22 http", "inputs/site_file.py", 'section.add(key, "is http:// to another', '(key, "is http:// to another', INPUTS),
    _row("U22 http at a BMC", "inputs/site.py", 'site.redfish.tls.kind != "off" and not is_loopback(address):', "False:", INPUTS),
    _row("U22 http at a BMC, loopback", "inputs/site.py", 'site.redfish.tls.kind != "off" and not is_loopback(address):', 'site.redfish.tls.kind != "off":', INPUTS),
    _row("U22 nesting", "inputs/yaml_reader.py", "if len(self._stack) >= DEEPEST:", "if len(self._stack) > DEEPEST:", INPUTS),
    _row("U22 values", "inputs/yaml_reader.py", "if self._nodes > MOST_NODES:", "if self._nodes >= MOST_NODES:", INPUTS),
    _row("U22 values, bound", "inputs/yaml_reader.py", "if self._nodes > MOST_NODES:", "if False:", INPUTS),
    _row("U22 below a password", "inputs/yaml_reader.py", "break  # what stands below", "pass  # what stands below", INPUTS),
    _row("U22 a value below a password", "inputs/section.py", 'return "" if self._hidden else f', 'return f', INPUTS),
    _row("U22 http in capitals", "inputs/site_file.py", 'url = values.get(key, "").lower()', 'url = values.get(key, "")', INPUTS),
    _row("U22 symbolic link", "inputs/assignment_file.py", "follow=False)", "follow=True)", INPUTS),
    _row("U22 encoding's line", "inputs/assignment_file.py", 'line = data.count(b"\\n", 0, error.start) + 1', 'line = data.count(b"\\n", 0, error.start)', INPUTS),
    _row("U22 control characters", "inputs/assignment_file.py", 'report.add(number, "", message, file)', "pass", INPUTS),
    _row("U22 no list", "services/foreman/session.py", "        if answer.status != 200:\n            raise failure(answer)\n        body", "        body", FOREMAN),
    _row("U22 cookie", "services/foreman/session.py", 'headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())', "pass", FOREMAN),
    _row("U22 long searches", "services/foreman/reads.py", "            yield chunk\n            chunk, size = [], 0", "            chunk, size = [], 0", FOREMAN),
    _row("U22 long searches, size", "services/foreman/reads.py", "            yield chunk\n            chunk, size = [], 0", "            yield chunk\n            chunk = []", FOREMAN),
    _row("U22 QUADS' lock", "journal/locks.py", "cannot be opened: {error.strerror}", "cannot be opened", "tests/journal/test_locks.py"),
)  # fmt: skip

_IDENTITY = (  # which machine is acted on: A1 to A4 as in the tests' names
    _row("A1 not re-checked", "services/redfish/system.py", "await self._compare(system, deadline)", "pass", MEMBERS),
    _row("A1 absent members dropped", "services/redfish/system.py", "elif listed.count == 1 and not listed.cut:", "elif len(paths) == 1:", MEMBERS),
    _row("A1 unreadable members dropped", "services/redfish/system.py", "if len(machines) == 1 and not failures:", "if len(machines) == 1:", MEMBERS),
    _row("A4 peer not pinned", "services/redfish/connection.py", "if peer != self.act_peer:", "if False:", PEERS),
    _row("A4 decided elsewhere", "services/redfish/system.py", "if answer.peer != self.connection.act_peer:", "if False:", PEERS),
    _row("A4 MACs at a new address", "services/redfish/system.py", '"UUID" not in now.agreeing(before)', "not now.agreeing(before)", PEERS),
    _row("A1 client pinned", "engine/machine.py", "self._client.pin(self._identity)", "pass", IDENTITY),
    _row("A1 compared with before", "engine/machine.py", "if why := now.differs(known):", 'if why := "":', IDENTITY),
    _row("A1 asked elsewhere", "engine/machine.py", "if not same and not self._let(now):", "if False:", IDENTITY),
    _row("A1 journalled", "engine/memory.py", "self.identity.facts() if self.identity else None", "None", IDENTITY),
    _row("A2 not verified", "engine/machine.py", "if unverified and not self._accepted(machine):", "if False:", UNVERIFIED),
    _row("A2 accepted by a human", "engine/commands.py", "if accepts and memory.asked is not None and", "if memory.asked is not None and", UNVERIFIED),
    _row("A2 accepted while asked", "engine/flow.py", "asked=out.machine if isinstance(out, Asked) else None", "asked=self._memory.asked", IDENTITY),
    _row("A2 one machine", "engine/machine.py", "if other := ports.machines.claim(ports.rollout, host, machine):", 'if other := "":', UNVERIFIED),
    _row("A2 one machine, after a resume", "engine/resumption.py", "if memory.identity is not None:", "if False:", UNVERIFIED),
    _row("A2 chassis serial", "rollout/identity.py", "if agreeing not in ((), (\"serial number\",)) and", "if agreeing != () and", IDENTITIES),
    _row("A3 protected machine", "engine/machine.py", "machine.agreeing(theirs) or now.agreeing(theirs):", "False:", IDENTITY),
    _row("A3 all MACs", "engine/machine.py", "self._wanted(), deadline, whole)", "self._wanted(), deadline)", IDENTITY),
    _row("A1 serial alone", "rollout/identity.py", 'if agreeing == ("serial number",):', "if False:", IDENTITY),
    _row("A3 protected address", "engine/machine.py", "(machine.bmc and machine.bmc == theirs.bmc) or", "False or", IDENTITY),
    _row("A6 interface that provisions", "engine/machine.py", "if result is not Comparison.SAME and machine.macs:", "if False:", IDENTITY),
)  # fmt: skip

_KINDS = (  # kinds of breaks that a random sample found unnoticed: notices, closings, waits, limits of pauses
    # Places and turns at the gate
    _row("U23 places told", "engine/gate.py", "            self._on_place(host, False)\n", "            pass\n", PLACES),
    _row("U23 turn of one that leaves", "engine/gate.py", 'if self._writing == host:\n            self._writing = ""\n        if host not', "if host not", PLACES),
    _row("U23 kept and taken out", "engine/gate.py", "self._kept.discard(host)\n        self._wake(host)", "self._wake(host)", PLACES),
    _row("U23 kept and retried", "engine/gate.py", "self._excluded.pop(host, None)\n        self._kept.discard(host)", "self._excluded.pop(host, None)", PLACES),
    _row("U23 under way before", "engine/gate.py", "self._begun.add(host)\n\n    def write_stands", "pass\n\n    def write_stands", PLACES),
    _row("U23 no longer watched for", "engine/gate.py", "            task.cancel()\n            self._interrupts", "            self._interrupts", PLACES),
    _row("U23 had its turn before", "engine/gate.py", "            self._had_turn.add(host)\n\n    def waits", "\n    def waits", PLACES),
    # Looks and limits of the lane
    _row("U24 pause between looks", "engine/lane.py", "_LOOKS = (1.0, 2.0, 4.0, 8.0, 15.0)", "_LOOKS = (1.0, 2.0, 4.0, 8.0, 16.0)", LANE_STATE),
    _row("U24 write deadline", "engine/lane.py", "began > deadline", "began >= deadline", LANE_STATE),
    _row("U24 shortest deadline", "engine/lane.py", "clock.real(write_deadline, 15.0)", "clock.real(write_deadline, 16.0)", LANE_STATE),
    _row("U24 patience of one that left", "engine/lane.py", "elif not self._handle.left and (silent", "elif (silent", LANE_STATE),
    _row("U24 patience anew", "engine/lane.py", "                told_at = self._clock.now()\n", "                pass\n", LANE_STATE),
    _row("U24 let in after leaving", "engine/write_queue.py", "if handle.paused or handle.left or self.barrier:", "if handle.paused or self.barrier:", LANE_STATE),
    _row("U24 settling cut off", "engine/lane.py", 'self._handle.shut = f"the result of the write for {place.host} is unknown"\n            raise', 'self._handle.shut = f"the result of the write for {place.host} is unknown"', LANE_STATE),
    # Writes that did not leave
    _row("U25 ten tries", "engine/writes.py", "_MOST_TRIES = 10", "_MOST_TRIES = 11", UNSENT),
    _row("U25 longest pause", "engine/writes.py", "_LONGEST_PAUSE = 30.0", "_LONGEST_PAUSE = 31.0", UNSENT),
    _row("U25 met another write", "engine/writes.py", "self._built(shown, pxe_lost=True)", "self._built(shown, pxe_lost=False)", UNSENT),
    _row("U25 vanished", "engine/writes.py", 'self._memory.left_in_build |= act == "build"\n            self._remember()\n            try:', "try:", UNSENT),
    # A host's timeline
    _row("U26 pause of attempts", "engine/flow.py", "pause = max(pause, failure.after * clock.speed)", "pause = failure.after * clock.speed", ATTEMPTS),
    _row("U26 longest pause", "engine/flow.py", "min(limits.backoff * 2 ** max(0, tries - 1), limits.backoff_max)", "limits.backoff * 2 ** max(0, tries - 1)", ATTEMPTS),
    _row("U26 five looks", "engine/host_stages.py", "5 * ports.limits.poll", "4 * ports.limits.poll", INSTALL_END),
    _row("U26 cancelled", "engine/host_stages.py", "raise StageFailure(Cause.CANCELLED, words, retryable=False)", "raise StageFailure(Cause.CANCELLED, words)", INSTALL_END),
    _row("U26 expired token", "engine/host_stages.py", "if record is not None and record.build_status == 2:", "if False:", INSTALL_END),
    _row("U26 last read", "engine/host_stages.py", "if record is not None and record.build is False:\n            return record", "if False:\n            return record", INSTALL_END),
    _row("U26 off again", "engine/host_stages.py", "        if self.memory.off:\n            self._remember(off=False)\n", "", ATTEMPTS),
    _row("U26 half its life", "engine/host_stages.py", "life / 2", "life / 3", ATTEMPTS),
    _row("U26 retry after a skip", "engine/flow.py", "            if not trouble:\n", "            if trouble:\n", TIMELINE),
    _row("U26 machine after a disarm", "engine/flow.py", "return await flow.disarm()\n    finally:\n        await flow.close()", "return await flow.disarm()\n    finally:\n        pass", TIMELINE),
    # What a journal tells a resume
    _row("U27 orders of the ended", "engine/resume_state.py", "is_final:\n                self.pending.pop(event.host, None)", "is_final:\n                pass", RECALLED),
    _row("U27 another outcome", "engine/resume_state.py", "if intent is not None and intent.number == event.number:", "if intent is not None:", RECALLED),
    _row("U27 turn of a dead build", "engine/resumption.py", 'if intent.act == "build":', 'if intent.act != "build":', RESUMED),
    _row("U27 machines of the ended", "engine/resumption.py", "if host.status.is_final and not memory.stands:", "if host.status.is_final and memory.stands:", TIMELINE),
    # The executor's answers, errors and end
    _row("U28 audit", "engine/commands.py", "if len(names) > 5", "if len(names) > 6", ORDERS),
    _row("U28 not armed", "engine/commands.py", "if name not in safe and self._disarm(name)]", "if self._disarm(name)]", ORDERS),
    _row("U28 journal broken", "engine/executor.py", "except JournalBroken as broken:\n            self._safety(broken)", "except JournalBroken:\n            pass", EXECUTOR),
    _row("U28 error after the end", "engine/host_tasks.py", 'self.ports.notice("error", f"{name}: {words}")', "pass", EXECUTOR),
    _row("U28 grace", "engine/executor.py", "_GRACE = 20.0 ", "_GRACE = 21.0 ", EXECUTOR),
    _row("U28 QUADS in between", "engine/executor.py", "self._helpers.append(asyncio.create_task(self._quads.run()))", "pass", EXECUTOR),
    _row("U28 QUADS at the end", "engine/executor.py", "await self._quads.flush(_QUADS_GRACE)", "pass", EXECUTOR),
    _row("U28 left by another rollout", "engine/resumption.py", "            await self.lane.settle(place, probe)\n", "            pass\n", EXECUTOR),
    _row("U28 reset shows", "engine/resumption.py", "_RESET_SHOWS = 40.0", "_RESET_SHOWS = 30.0", EXECUTOR),
    _row("R1 power act though armed", "engine/repairs.py", "if trouble := await disarm(self.tasks.plans[name], self.ports, memory):", "if await disarm(self.tasks.plans[name], self.ports, memory) and False:", REPAIRS),
    _row("R2 a shared BMC", "rollout/repair_rules.py", "if not beside.status.is_final:", "if False:", REPAIRS),
    _row("R3 a third owner", "engine/repairs.py", "if not self._is_ours(record, plan):", "if False:", REPAIRS),
    _row("R4 repeated after a crash", "engine/repairs.py", "work = self._look_at_power", "work = self._power_cycle", REPAIR_CRASHES),
    _row("C1 without the place", "engine/write_queue.py", "if not self._ours:\n", "if False:\n", SHARED_PLACE),
    _row("C1 place kept", "engine/write_queue.py", "            self._ours = False\n            self._shared.give_back()", "            pass", SHARED_PLACE),
    _row("C1 place kept by nobody", "engine/write_queue.py", "self._pass_on()  # those who wanted it have left meanwhile", "pass", SHARED_PLACE),
    _row("C2 no check at the place", "engine/lane.py", "await self._handle.sending(ticket, act, detail or {})", "pass", SHARED_PLACE),
    _row("C3 left write not settled", "engine/write_queue.py", "if settle is None or not await settle(left, partial(self._shared.is_left, left)):", "if settle is None:", SHARED_PLACE),
    _row("C3 left write not waited for", "engine/lane.py", "if await self._is_over(probe, is_left, over):", "if True:", SHARED_PLACE),
    _row("C3 left write seen once", "engine/lane.py", "if seen in (Probe.CONFIRMED, Probe.NEVER) or", "if seen is not Probe.ABSENT or", SHARED_PLACE),
    _row("C3 late outcome unheard", "engine/lane.py", " or not await is_left():", ":", SHARED_PLACE),
    _row("C3 lost while settling", "engine/write_queue.py", "if not await self._shared.settled(left):", "if not await self._shared.settled(left) and False:", SHARED_PLACE),
    _row("C4 given back without an outcome", "engine/write_queue.py", "            self._shared.abandon()\n        elif", "            self._shared.give_back()\n        elif", SHARED_PLACE),
    _row("C5 a try is used up", "engine/writes.py", "except QueueAway as away:", "except ZeroDivisionError as away:", SHARED_PLACE),
    _row("C6 write deadline", "engine/lane.py", "self._handle.write_deadline = clock.real(write_deadline, 15.0)", "self._handle.write_deadline = clock.real(write_deadline, 15.0) / 2", SHARED_PLACE),
    _row("C6 renewed for ever", "engine/lane.py", "2 * self._handle.write_deadline + clock.real(patience)", "inf", SHARED_PLACE),
    _row("C7 asked while paused", "engine/write_queue.py", "(not self.held or waiter.act == _SAFE) for", "True for", SHARED_PLACE),
    _row("C8 a part completes an assignment", "engine/quads_outbox.py", "or self._goals[cloud].partial", "or False", "tests/engine/test_partial_assignments.py"),
    _row("C9 frozen", "services/last_check.py", "if time.clock_gettime(_CLOCK) - began > LONGEST:", "if False:", "tests/services/test_http.py"),
    _row("K1 twice", "services/http.py", "if died and call.is_read and not last:", "if died and not last:", KEPT),
    _row("K1 broke", "services/http.py", "self._connections.broke(call.place)", "pass", KEPT),
    _row("K2 idle", "services/kept_connections.py", "return _is_recent(self._answered.get(connection), reuse) and", "return", KEPT),
    _row("K2 closed for nothing", "services/kept_connections.py", "if not _is_recent(self._last_answer.get(place), reuse):", "if False:", KEPT),
    _row("K2 unread", "services/kept_connections.py", " and not connection.should_close", "", KEPT),
    _row("K2 unproved", "services/kept_connections.py", "return place in self._proved", "return place not in self._broken", KEPT),
    _row("K2 late", "services/sending.py", "            sending.judge_used()  # the server may have closed it meanwhile\n", "", KEPT),
    _row("K3 HPE", "services/redfish/connection.py", "any(maker.breaks_used_connections for maker in self.makers)", "False", TRAFFIC),
    _row("K3 Reset", "services/redfish/connection.py", "not acts or method in _REPEATABLE", "True", TRAFFIC),
    _row("K3 login", "services/redfish/connection.py", "not acts or method in _REPEATABLE", "method in _REPEATABLE", TRAFFIC),
    _row("K4 uuid", "services/redfish/system.py", "(now.peer, now.uuid, now.serial) != (before.identity.peer, before.identity.uuid, before.identity.serial)", "False", SURVEYED),
    _row("K4 again", "services/redfish/system.py", "before, learned.surveyed = learned.surveyed, None", "before = learned.surveyed", SURVEYED),
    _row("K4 old", "services/redfish/learned.py", " and now - self.at <= _SURVEY_HOLDS", "", SURVEYED),
    _row("K4 whole", "services/redfish/learned.py", "(self.whole or not whole)", "True", SURVEYED),
)  # fmt: skip

TABLE: tuple[Mutant, ...] = (*_INVARIANTS, *_HOLES, *_IDENTITY, *_KINDS)
