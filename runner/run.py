"""The runner's story: from a reference to a receipt, one step after the other.

The supervisor talks to registry and broker and never has the content key or the plaintext: the
worker makes the key that a release is wrapped to, verifies everything again, and opens it.
"""

from __future__ import annotations

from functools import partial

from policies.models import CapabilityPolicy
from runner.closing import Ran, fetch_proofs, hand_back, make_receipt
from runner.collecting import Collector
from runner.fetching import SignedModule, fetch_ciphertext, fetch_signed, require_fit
from runner.grants import within
from runner.handing import hand_over_artifact, hand_over_sealed, hand_over_unsealed
from runner.inputs import Offer, take_inputs
from runner.judging import judge
from runner.order import Order, Place, Report, Terms, World
from runner.stopwatch import Stopwatch
from runner.supervise import supervise, take_hello
from runner.worker.kernel import LinuxKernel
from runner.worker.lockdown import leave_no_core
from runner.worker.process import WorkerProcess
from sealing.keys import ED25519, SigningKey


def run_sealed(order: Order, place: Place, world: World) -> Report:
    """Run one sealed module once and return how it ended, with a receipt.

    Raises `RunnerError` if the guest never started or its worker broke down. However this ends,
    the worker and everything it held are gone.
    """
    leave_no_core(LinuxKernel())
    watch = Stopwatch(place.clock.monotonic)

    # (1) The artifact but its ciphertext: every digest, the strict profile, the owners' signatures.
    module = fetch_signed(
        world.store,
        order.reference,
        owners=order.owners,
        threshold=order.owner_threshold,
        trust=order.trust,
    )

    # (2) It must fit this node before anybody is asked for a key; then the ciphertext.
    require_fit(module, order.offer, order.terms)
    layer = fetch_ciphertext(world.store, module)
    watch.lap("pull")

    # (3) A worker makes the key that releases will be wrapped to; we make the receipt key.
    key = SigningKey.generate(ED25519)
    with place.spawn() as worker:
        ran = _attest_and_run(
            worker, module, layer, key=key, order=order, place=place, world=world, watch=watch
        )

    # (8) The worker is gone. Say what happened, under the key that the evidence vouches for.
    proofs = fetch_proofs(ran.collected.releases)
    receipt = make_receipt(ran, order.terms, proofs=proofs, key=key)
    watch.lap("receipt")

    # (9) What the guest leaves in granted folders goes back to the host.
    collected = ran.collected
    report = Report.of(ran.ended, ran.inputs, watch.milliseconds)
    report = report.with_receipt(receipt, collected.documents, collected.passed_over)
    return hand_back(report, order.offer, ran.inputs)


def _attest_and_run(
    worker: WorkerProcess,
    module: SignedModule,
    layer: bytes,
    *,
    key: SigningKey,
    order: Order,
    place: Place,
    world: World,
    watch: Stopwatch,
) -> Ran:
    """Steps 4 to 7: from the worker's key to the end of the guest."""
    # (4) The worker verifies the artifact for itself: it will hold every release against it.
    runner_key = take_hello(worker).key
    hand_over_artifact(worker, module, layer, order)
    watch.lap("worker")

    # (5) Releases by brokers that the owner named, as many as the key takes: each for its own
    # challenge, with evidence over the whole request, never wider than the owner asked, and of
    # what was sealed: that is for the worker to say. Whoever has none is passed over.
    now = place.clock.now
    collected = Collector(
        world, order, module, runner_key, key.public, partial(judge, worker), now, watch
    ).collect()

    # (6) No more than brokers and node allow is read from the host.
    inputs = take_inputs(order.offer, collected.grant)

    # (7) The worker verifies all of it again, opens, compiles, locks itself down, and runs.
    started = now()
    hand_over_sealed(worker, collected, inputs, order.terms)
    ended = supervise(
        worker, collected.grant, place.sinks, place.clock, lease_ends=collected.lease_ends
    )
    watch.lap("run")
    return Ran(collected, inputs, ended, started, now())


def run_unsealed(
    module: bytes, policy: CapabilityPolicy, offer: Offer, terms: Terms, place: Place
) -> Report:
    """Run a module in plaintext once under `policy`. Nobody attests to it: there is no receipt.

    The same worker, lock-down and engine as for a sealed one. Raises `RunnerError`.
    """
    leave_no_core(LinuxKernel())
    watch = Stopwatch(place.clock.monotonic)
    grant = within(policy, terms.guardrails)
    inputs = take_inputs(offer, grant)
    with place.spawn() as worker:
        take_hello(worker)
        watch.lap("worker")
        hand_over_unsealed(worker, module, policy, inputs, terms)
        ended = supervise(worker, grant, place.sinks, place.clock)
    watch.lap("run")
    return hand_back(Report.of(ended, inputs, watch.milliseconds), offer, inputs)
