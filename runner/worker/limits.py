"""Every bound of the talk between supervisor and worker, each with its reason."""

from __future__ import annotations

from typing import Final

import keybroker.protocol
import policies.limits
import runner.limits
import sealing.limits

KIBIBYTE: Final = 1024
MEBIBYTE: Final = 1024 * KIBIBYTE

# A frame header names things; whatever has a size of its own travels in the body.
MAX_HEADER_BYTES: Final = 64 * KIBIBYTE
# A sealed layer has the size of its module.
MAX_MODULE_BYTES: Final = runner.limits.MAX_MODULE_BYTES
# Manifest, config, bundle, grant: the policy inside may carry inline files.
MAX_DOCUMENT_BYTES: Final = 16 * MEBIBYTE
# What the policy language allows at most; the grant sets the lower, real bound.
MAX_STDIN_BYTES: Final = policies.limits.MAX_STREAM_BYTES
MAX_FILE_BYTES: Final = policies.limits.MAX_MOUNT_BYTES
# One chunk of guest output. Small enough that a reader of the pipe never waits long.
MAX_OUTPUT_CHUNK_BYTES: Final = 64 * KIBIBYTE
# Folders below a mount: nothing in the policy counts them, so this does.
MAX_FOLDERS: Final = 4096
# Names and depth are those of the guest's own tree; a path may be as long as those make it.
MAX_NAME_BYTES: Final = runner.limits.MAX_NAME_BYTES
MAX_PATH_DEPTH: Final = runner.limits.MAX_PATH_DEPTH
MAX_PATH_CHARS: Final = (MAX_NAME_BYTES + 1) * MAX_PATH_DEPTH
# The reason a worker gives for a failure; the supervisor logs it and shows nothing of it outside.
MAX_DETAIL_CHARS: Final = 512
MAX_DENIALS: Final = 256
# Pieces that come more than once: owners and their signatures, the node's guardrails.
MAX_SEVERAL: Final = 16

# A key has at most so many brokers; whoever stands in for one costs a release too.
MAX_RELEASES: Final = sealing.limits.ENVELOPES
MAX_RELEASE_BYTES: Final = keybroker.protocol.MAX_RESPONSE_BYTES
# A broker's public key in DER, as its descriptor has it.
MAX_IDENTITY_BYTES: Final = 512

# A worker imports its code, makes a key pair and says so: far below a second on an idle machine.
HELLO_SECONDS: Final = 60.0
# To see whether a whole key is the key the module is opened: seconds, for the largest on a busy
# machine more. A wrong key shows at once.
JUDGE_SECONDS: Final = 300.0
# Compiling Yosys takes about a minute on two cores; beyond this it is an attack on the node.
PREPARE_SECONDS: Final = 300.0
# The engine stops the guest itself at the wall-clock limit; this is how long we believe that.
GRACE_SECONDS: Final = 2.0
# After the guest has ended the worker only hands back files and figures.
FINISH_SECONDS: Final = 60.0
# A grant without a wall-clock limit is none of ours; this stands in if a lease outlives everything.
MAX_RUN_SECONDS: Final = 24 * 3600.0

# Counted against what a worker may write into private memory: the compiler's working set for the
# largest module, not the guest's 4 GiB reservation (reserved pages are not counted).
MAX_DATA_BYTES: Final = 8 * 1024 * MEBIBYTE
# The guest's stack is part of ours. Twice what a policy can name, as host calls come on top of it;
# with less a deep recursion would kill the process before the engine sees its end.
STACK_BYTES: Final = 2 * policies.limits.MAX_STACK_BYTES
# Descriptors a worker may hold while it loads: the interpreter opens one source file at a time.
MAX_OPEN_FILES: Final = 64
