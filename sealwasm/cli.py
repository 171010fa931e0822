"""The `sealwasm` command: puts the parts together. Start reading at `sealwasm/commands/`."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence

import click

from sealwasm.exit_codes import ExitCode
from sealwasm.failure import CliError, Kind
from sealwasm.lazy import LazyGroup
from sealwasm.session import Session, silence_stdout

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("sealwasm.commands.demo:demo", "Run the main job end to end on a simulated TEE."),
    "doctor": (
        "sealwasm.commands.doctor:doctor",
        "Say what this machine offers and what is missing.",
    ),
    "init": (
        "sealwasm.commands.init:init",
        "Make an owner's project: key, policies, and a context that commands use.",
    ),
    "context": (
        "sealwasm.commands.context:context",
        "Choose what commands take for granted: broker, key, policies, registry.",
    ),
    "key": ("sealwasm.commands.key:key", "Generate, show, list and convert owner keys."),
    "policy": ("sealwasm.commands.policy:policy", "Draft, check, explain and publish policies."),
    "seal": ("sealwasm.commands.seal:seal", "Encrypt a module into an OCI image-layout folder."),
    "publish": (
        "sealwasm.commands.publish:publish",
        "Seal, sign and push a module, and enrol its release policy.",
    ),
    "registry": (
        "sealwasm.commands.registry:registry",
        "Log in to registries and out of them.",
    ),
    "list": ("sealwasm.commands.list:list_published", "List what is published at PLACE."),
    "diff": ("sealwasm.commands.diff:diff", "Say what is different between two versions."),
    "copy": ("sealwasm.commands.copy:copy", "Copy a sealed module with its signatures."),
    "export": (
        "sealwasm.commands.export:export",
        "Write a sealed module to one file, for where no network goes.",
    ),
    "import": (
        "sealwasm.commands.import_:import_archive",
        "Read a sealed module from a file that `export` wrote.",
    ),
    "pull": (
        "sealwasm.commands.pull:pull",
        "Copy a sealed module into an OCI image-layout folder.",
    ),
    "rewrap": (
        "sealwasm.commands.rewrap:rewrap",
        "Seal a published module for other brokers or holders without touching its ciphertext.",
    ),
    "adopt": (
        "sealwasm.commands.adopt:adopt",
        "Seal what another tool encrypted, over the same ciphertext.",
    ),
    "recover": (
        "sealwasm.commands.recover:recover",
        "Open a sealed module offline and write it, in clear, to a file.",
    ),
    "inspect": (
        "sealwasm.commands.inspect:inspect",
        "Show what anyone can see of a sealed module.",
    ),
    "verify": ("sealwasm.commands.verify:verify", "Check an artifact against its owners' keys."),
    "sign": ("sealwasm.commands.sign:sign", "Sign a published artifact with one more key."),
    "attach": (
        "sealwasm.commands.attach:attach",
        "Attach provenance or a bill of materials to an artifact, signed.",
    ),
    "rotate": (
        "sealwasm.commands.rotate:rotate",
        "Put another key in the place of the owner's: a key statement, and every broker told.",
    ),
    "revoke": (
        "sealwasm.commands.revoke:revoke",
        "Tell brokers to give no more keys for an artifact, for versions or for a key's modules.",
    ),
    "owner": ("sealwasm.commands.owner:owner", "Enrol a module owner with a broker."),
    "broker": ("sealwasm.commands.broker:broker", "Set up and serve a key broker."),
    "run": ("sealwasm.commands.run:run", "Run a sealed module under its grant."),
    "receipt": ("sealwasm.commands.receipt:receipt", "Show and verify execution receipts."),
    "evidence": (
        "sealwasm.commands.evidence:evidence",
        "Verify TEE evidence, and show what it says.",
    ),
    "endorsements": (
        "sealwasm.commands.endorsements:endorsements",
        "Fetch, list and carry what vendors say of their hardware.",
    ),
    "reference": (
        "sealwasm.commands.reference:reference",
        "Compute measurements, and keep documents of known ones.",
    ),
    "simulate": (
        "sealwasm.commands.simulate:simulate",
        "Create simulated TEE platforms for tests.",
    ),
    "completion": ("sealwasm.commands.completion:completion", "Print shell completion code."),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="sealwasm", message="%(prog)s %(version)s")
def cli() -> None:
    """Encrypted WebAssembly modules, run only where their owner allows it.

    Start with `sealwasm demo`; `sealwasm doctor` says what this machine offers.
    """


def _usage_failure(error: click.ClickException) -> CliError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "sealwasm"
    return CliError(
        Kind.USAGE, "usage", error.format_message().rstrip("."), next_step=f"{path} --help"
    )


def _wanted_output(arguments: Sequence[str], otherwise: str) -> str:
    """Return what `-o` says on a command line that could not be read as a whole."""
    for option, value in itertools.pairwise(arguments):
        if option in {"-o", "--output"} and value in {"json", "yaml"}:
            return value
    return otherwise


def run_command(arguments: Sequence[str], session: Session) -> int:
    """Run one command line and return its exit code; failures are printed, never raised."""
    try:
        result = cli.main(
            args=list(arguments), prog_name="sealwasm", standalone_mode=False, obj=session
        )
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        return session.fail(CliError(Kind.INTERRUPTED, "interrupted", "stopped by Ctrl-C"))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return ExitCode.USAGE
    except click.ClickException as error:
        session.output = _wanted_output(arguments, session.output)
        return session.fail(_usage_failure(error))
    except CliError as error:
        return session.fail(error)
    except BrokenPipeError:
        # The reader of our output went away; say nothing, and keep Python from saying it at exit.
        silence_stdout()
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001 - the one process edge: packages' errors become text here
        from sealwasm.translate import translate

        return session.fail(translate(error))
    return int(result or ExitCode.OK)


def _leave_no_core() -> None:
    """Owners' and brokers' commands hold keys in memory; after a crash no file shall hold them."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def main() -> None:
    """Console script."""
    _leave_no_core()
    sys.exit(run_command(sys.argv[1:], Session()))
