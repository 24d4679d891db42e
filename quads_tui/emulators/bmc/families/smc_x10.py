"""Supermicro X10: no boot mode, no ETags, redirects to the slash form (the login too), and an error body of its own spelling."""

from __future__ import annotations

from quads_tui.emulators.bmc.families.smc_x11 import SmcX11
from quads_tui.emulators.bmc.replies import Document, Key, Reply, dumps
from quads_tui.emulators.bmc.state import BmcState


class SmcX10(SmcX11):
    name = "smc_x10"
    models: tuple[str, ...] = ("6018", "6028", "6048", "1028", "2028")
    nics = ()
    has_action_info = False
    base = "Base.1.0.0"
    etags = "none"
    checks_etag = False
    version, schema = "1.0.1", "v1_3_0"
    resets_advertised = ("On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi", "ForceOn")
    modes = ()  # quirk 22
    redirected_paths = frozenset({"/redfish/v1", "/redfish/v1/Systems", "/redfish/v1/SessionService/Sessions"})  # quirk 26
    redirect_status = 301
    latency = (0.8, 4.0)

    def root_document(self, bmc: BmcState) -> Document:
        document = super().root_document(bmc)
        del document["Oem"], document["Vendor"], document["Product"]
        return document

    def system_document(self, bmc: BmcState) -> Document:
        document = super().system_document(bmc)
        del document["Actions"]["#ComputerSystem.Reset"]["@Redfish.ActionInfo"]
        del document["SystemType"]
        return document

    def fixed_documents(self, bmc: BmcState) -> dict[str, Document]:
        documents = super().fixed_documents(bmc)
        del documents[self.action_info]
        return documents

    def with_defaults(self, bmc: BmcState, wanted: dict[str, str]) -> dict[str, str]:
        """Quirk 21 without a mode to lose."""
        return {"BootSourceOverrideEnabled": "Disabled", **wanted}

    def error(self, status: int, *keys: Key, headers: dict[str, str] | None = None) -> Reply:
        infos = [self.message_info(key) for key in keys]
        body = {"error": {"code": infos[0]["MessageId"], "Message": infos[0]["Message"], "@Message.ExtendedInfo": infos}}
        return Reply(status, dumps(body), headers or {})
