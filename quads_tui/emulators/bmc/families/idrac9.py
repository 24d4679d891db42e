"""Dell iDRAC9: no ETags, inline allowables, a settings object that carries the mode alone, 409 when already there."""

from __future__ import annotations

from quads_tui.emulators.bmc.dell_bios_pages import DellFamily
from quads_tui.emulators.bmc.family import MODES, RESETS
from quads_tui.emulators.bmc.replies import Document, Message, Reply, collection, json_reply, ref
from quads_tui.emulators.bmc.sessions import Session
from quads_tui.emulators.bmc.state import BmcState

CONTEXT = "/redfish/v1/$metadata#"


class Idrac9(DellFamily):
    name = "idrac9"
    models: tuple[str, ...] = ("R", "FC", "XE", "M6", "740XD")
    vendor = "Dell"
    manufacturer = "Dell Inc."
    system = "/redfish/v1/Systems/System.Embedded.1"
    manager = "/redfish/v1/Managers/iDRAC.Embedded.1"
    log_services = f"{manager}/LogServices"
    log_name = "Sel"
    tells_last_reset = True
    manager_resets = ("GracefulRestart",)
    chassis = "/redfish/v1/Chassis/System.Embedded.1"
    base = "Base.1.12"
    registry = "IDRAC.2.8"
    messages = {  # noqa: RUF012
        "PSU501": Message("Server is already powered %1.", "No response action is required.", "Informational"),
        "SYS413": Message("The operation successfully completed.", "No response action is required.", "OK"),
        "SYS518": Message(
            "iDRAC is currently unable to display any information because data sources are unavailable.",
            "Wait for the data to be available and retry the operation.",
            "Informational",
        ),
        "SWC0700": Message("iDRAC is not ready. The configuration values cannot be accessed.", "Retry after a few minutes."),
        "RAC0218": Message("The maximum number of user sessions is reached.", "Close one or more.", "Informational"),
        "UnableToModifyDuringSystemPOST": Message("Unable to modify the resource while the server is in POST."),
        "SYS011": Message(
            "Pending configuration values are already committed, unable to perform another set operation.",
            "Wait for the scheduled job to complete or delete the configuration jobs before more set operations.",
            "Warning",
        ),
        "RAC051": Message("No pending data is present to create a configuration job.", "Set attributes first.", "Warning"),
        "SUP016": Message("Unable to delete a job that is running.", "Wait for the job to end.", "Warning"),
        "OemLicenseNotPassed": Message("A required license is missing or expired.", "Obtain a license and retry."),
    }
    session_cap = 8
    resets: tuple[str, ...] = (*RESETS, "PowerCycle")
    targets = ("None", "Pxe", "Floppy", "Cd", "Hdd", "BiosSetup", "Utilities", "UefiTarget", "SDCard", "UefiHttp")
    locks_in_post = True
    shows_serial = False  # the service tag is in SKU
    version, firmware, generation, schema = "1.13.1", "6.10.30.00", "15G Monolithic", "v1_12_0"
    advertised: tuple[str, ...] = (
        "On",
        "ForceOff",
        "ForceRestart",
        "GracefulRestart",
        "GracefulShutdown",
        "PushPowerButton",
        "Nmi",
        "PowerCycle",
    )

    def root_document(self, bmc: BmcState) -> Document:
        return {
            "@odata.context": f"{CONTEXT}ServiceRoot.ServiceRoot",
            "@odata.id": self.root,
            "@odata.type": "#ServiceRoot.v1_11_0.ServiceRoot",
            "Id": "RootService",
            "Name": "Root Service",
            "RedfishVersion": self.version,
            "Vendor": "Dell",
            "Product": "Integrated Dell Remote Access Controller",
            "Systems": ref(f"{self.root}/Systems"),
            "Managers": ref(f"{self.root}/Managers"),
            "Chassis": ref(f"{self.root}/Chassis"),
            "SessionService": ref(f"{self.root}/SessionService"),
            "Links": {"Sessions": ref(self.sessions)},
            "Oem": {"Dell": {"ServiceTag": bmc.serial, "IsBranded": 0}},
        }

    def fixed_documents(self, bmc: BmcState) -> dict[str, Document]:
        options = f"{self.system}/BootOptions"
        names = ("Boot0000", "Boot0001", "Boot0004")
        return {
            **super().fixed_documents(bmc),
            self.manager: {
                "@odata.context": f"{CONTEXT}Manager.Manager",
                "@odata.id": self.manager,
                "@odata.type": "#Manager.v1_12_0.Manager",
                "Id": "iDRAC.Embedded.1",
                "Name": "Manager",
                "ManagerType": "BMC",
                "Model": "16G Monolithic" if bmc.machine.model.upper().endswith("60") else self.generation,
                "FirmwareVersion": self.firmware,
                "LogServices": ref(self.log_services),
                "Links": {"ManagerForServers": [ref(self.system)], "Oem": {"Dell": {"Jobs": ref(self.jobs_page)}}},
            },
            self.chassis: {
                "@odata.id": self.chassis,
                "@odata.type": "#Chassis.v1_15_0.Chassis",
                "Id": "System.Embedded.1",
                "Name": "Computer System Chassis",
                "ChassisType": "RackMount",
                "Links": {"ComputerSystems": [ref(self.system)]},
            },
            options: collection(options, "BootOption", "Boot Options", [f"{options}/{name}" for name in names]),
        }

    def live_documents(self, bmc: BmcState) -> dict[str, Document]:
        mode = bmc.hardware.pending_mode or bmc.hardware.boot.mode
        path = f"{self.system}/Settings"
        return {
            **super().live_documents(bmc),
            path: {
                "@odata.context": f"{CONTEXT}ComputerSystem.ComputerSystem",
                "@odata.id": path,
                "@odata.type": f"#ComputerSystem.{self.schema}.ComputerSystem",
                "Id": "Settings",
                "Name": "Settings",
                "Boot": {
                    "BootSourceOverrideMode": mode,
                    "BootSourceOverrideMode@Redfish.AllowableValues": list(MODES),
                },
            },
        }

    def system_document(self, bmc: BmcState) -> Document:
        return {
            "@Redfish.Settings": {
                "@odata.context": f"{CONTEXT}Settings.Settings",
                "@odata.type": "#Settings.v1_3_3.Settings",
                "SettingsObject": ref(f"{self.system}/Settings"),
                "SupportedApplyTimes": ["OnReset"],
            },
            "@odata.context": f"{CONTEXT}ComputerSystem.ComputerSystem",
            "@odata.id": self.system,
            "@odata.type": f"#ComputerSystem.{self.schema}.ComputerSystem",
            "Id": "System.Embedded.1",
            "Name": "System",
            "SystemType": "Physical",
            "Manufacturer": self.manufacturer,
            "Model": f"PowerEdge {bmc.machine.model}",
            "SKU": bmc.serial,
            "UUID": bmc.uuid,
            "HostName": bmc.machine.name,
            "BiosVersion": "1.8.2",
            "PowerState": self.power_state(bmc),
            "Status": {"Health": "OK", "HealthRollup": "OK", "State": "Enabled"},
            "Boot": {
                "BootOptions": ref(f"{self.system}/BootOptions"),
                "BootOrder": ["Boot0000", "Boot0001", "Boot0004"],
                "BootOrder@odata.count": 3,
                **self.boot_document(bmc.hardware.boot),
                "UefiTargetBootSourceOverride": None,
            },
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": self.reset,
                    "ResetType@Redfish.AllowableValues": list(self.advertised),
                }
            },
            "Bios": ref(self.bios_page),
            "Links": {
                "Chassis": [ref(self.chassis)],
                "ManagedBy": [ref(self.manager)],
                "Oem": {"Dell": {"BootOrder": ref(self.sources_page)}},
            },
        }

    def not_ready(self, wait: int) -> Reply:
        retry = ("ServiceTemporarilyUnavailable", str(wait))
        return self.error(503, "SYS518", retry, headers={"Retry-After": str(wait)})

    def sessions_full(self) -> Reply:
        return self.error(503, "RAC0218")

    def already_in_state(self, bmc: BmcState, reset_type: str) -> Reply:
        return self.error(409, ("PSU501", "OFF" if bmc.hardware.power == "Off" else "ON"))

    def patched(self, bmc: BmcState) -> Reply:
        infos = {"@Message.ExtendedInfo": [self.message_info("SYS413"), self.message_info("Success")]}
        return json_reply(200, infos)

    def refuse_boot_change(self, bmc: BmcState, wanted: dict[str, str]) -> Reply | None:
        mode = wanted.get("BootSourceOverrideMode")
        if mode is not None and mode != bmc.hardware.boot.mode:
            # Only the settings resource takes another mode, for the next boot.
            return self.error(400, ("PropertyNotWritable", "BootSourceOverrideMode"))
        return None

    def patch_settings(self, bmc: BmcState, path: str, wanted: dict[str, str]) -> Reply | None:
        if path != f"{self.system}/Settings":
            return None
        for key in wanted:
            if key != "BootSourceOverrideMode":
                return self.error(400, ("PropertyNotWritable", key))
        mode = wanted.get("BootSourceOverrideMode")
        if mode is not None and mode != bmc.hardware.boot.mode:
            bmc.hardware.pending_mode = mode
            bmc.hardware.note(f"mode {mode} at the next boot")
        return self.patched(bmc)

    def session_document(self, session: Session) -> Document:
        return {**super().session_document(session), "ClientOriginIPAddress": session.client, "SessionType": "Redfish"}
